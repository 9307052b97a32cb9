"""Telling systemd, or whatever speaks its protocol, how the process is doing: sd_notify(3) and sd_watchdog_enabled(3).

Facts are lines of NAME=VALUE in one datagram to the socket that NOTIFY_SOCKET names.
"""

import asyncio
import os
import socket
import time
from collections.abc import Callable, MutableMapping

from linda_bot.kernel.masking import printable

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What a supervisor says to one process; a child that inherited it would speak in that process's name."""

_LONGEST_STATUS = 200
_LARGEST_USEC = 2**64 - 1
"""systemd's infinity: no watchdog."""


class Supervisor:
    """Whoever started us and wants to hear from us; without anybody, every method does nothing.

    No method raises or blocks. A fact that the socket does not take for the moment goes along with the next one, so
    that a READY=1 is not lost; only a WATCHDOG=1 is not made up for.
    """

    def __init__(self, address: str = "", *, watchdog_every_s: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watchdog_every_s = watchdog_every_s if address else None
        self._owed: dict[str, str] = {}

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> "Supervisor":
        """Read what the supervisor has said and take it out of the environment, whatever it is worth."""
        address, usec, pid = (environ.pop(name, "") for name in VARIABLES)
        # vsock: addresses are for virtual machines whose init tells the host; a service never gets one.
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, watchdog_every_s=_half_of(usec) if pid in ("", str(os.getpid())) else None)

    @property
    def watchdog_every_s(self) -> float | None:
        """Seconds between two signs of life, half of what is allowed; None where nobody waits for them."""
        return self._watchdog_every_s

    def ready(self, status: str) -> None:
        """Say that the start, or a reload, is complete."""
        for name in ("RELOADING", "MONOTONIC_USEC"):
            self._owed.pop(name, None)
        self._tell({"READY": "1", **_status(status)})

    def status(self, text: str) -> None:
        """Say in one line what goes on; `systemctl status` shows it."""
        self._tell(_status(text))

    def reloading(self) -> None:
        """Say that a reload has begun; `ready` says that it is done."""
        self._owed.pop("READY", None)
        # Type=notify-reload compares the time with when it sent the signal; both are CLOCK_MONOTONIC.
        self._tell({"RELOADING": "1", "MONOTONIC_USEC": str(time.monotonic_ns() // 1000)})

    def stopping(self, status: str) -> None:
        """Say that the end has begun; nothing that was said before matters any more."""
        self._owed.clear()
        self._tell({"STOPPING": "1", **_status(status)})

    def alive(self) -> None:
        """Give a sign of life."""
        self._send({**self._owed, "WATCHDOG": "1"})

    def _tell(self, facts: dict[str, str]) -> None:
        self._owed.update(facts)
        self._send(self._owed)

    def _send(self, facts: dict[str, str]) -> None:
        if not self._address:
            return
        datagram = "\n".join(f"{name}={value}" for name, value in facts.items()).encode(errors="replace")
        try:
            # A socket for each datagram: it costs microseconds, and nothing has to be said about a broken one.
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.settimeout(0)
                line.sendto(datagram, os.fsencode(self._address))
        except (OSError, ValueError):  # ValueError: a path that is no path
            return
        self._owed.clear()


async def keep_watchdog(supervisor: Supervisor, is_alive: Callable[[], bool]) -> None:
    """Give signs of life for as long as `is_alive` says so; for ever, also where nobody wants any.

    A hung event loop gives none either; the supervisor then restarts the service.
    """
    every_s = supervisor.watchdog_every_s
    if every_s is None:
        await asyncio.Event().wait()
        return
    while True:
        if is_alive():
            supervisor.alive()
        await asyncio.sleep(every_s)


def _half_of(usec: str) -> float | None:
    """Return half of a watchdog's time in seconds; None for none, or for nonsense."""
    if not (usec.isascii() and usec.isdecimal() and 0 < int(usec[:21]) < _LARGEST_USEC):
        return None
    return int(usec) / 2e6


def _status(text: str) -> dict[str, str]:
    return {"STATUS": printable(text, _LONGEST_STATUS)}
