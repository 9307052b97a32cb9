"""One address of the notification library Apprise; it runs in a process of its own, which can be ended."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from linda_bot.health.alerting.notice import Notice
from linda_bot.health.alerting.sinks.process import run_process
from linda_bot.health.alerting.sinks.sink import SinkError
from linda_bot.kernel.errors import UsageError, reason_of

_COMMAND = (sys.executable, "-P", "-m", "linda_bot.health.alerting.apprise_process")
_CHECK_WITHIN_S = 30.0
_CHOSEN = "LINDA_ALERT__APPRISE"


def check_addresses(addresses: Sequence[str], checked: str) -> str:
    """Make sure that Apprise is there and can read the addresses; return what spares the next start the second check.

    `checked` is what this returned the last time. Raises UsageError, without any address.
    """
    library = find_spec("apprise")
    if library is None:
        raise UsageError(f"{_CHOSEN} needs the library Apprise: pip install 'linda-bot[notify]', or leave it out")
    # Another installation may read other addresses; asking for its version takes much longer than looking at the file.
    made_at = Path(library.origin).stat().st_mtime_ns if library.origin else 0
    text = json.dumps([made_at, *addresses])
    mark = hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
    if mark == checked:
        return checked
    try:
        done = subprocess.run(  # noqa: S603 (our own module)
            _COMMAND,
            input=json.dumps({"check": list(addresses)}).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_CHECK_WITHIN_S,
            check=True,
        )
        unreadable = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        raise UsageError(f"{_CHOSEN}: the library Apprise does not start; try: python -m apprise --version") from None
    if unreadable:
        which = f"address {unreadable[0] + 1} of {len(addresses)}" if len(addresses) > 1 else "the address"
        raise UsageError(f"{_CHOSEN}: Apprise cannot read {which}; how they are written: https://appriseit.com")
    return mark


class AppriseSink:
    """Sends each notice to one address."""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        self._address = address

    @property
    def name(self) -> str:
        """`apprise`, with a number where there are several."""
        return self._name

    async def send(self, notice: Notice) -> None:
        """Have Apprise send it once; what Apprise itself has to say may contain the address, and is dropped."""
        request = {
            "address": self._address,
            "subject": notice.subject,
            "body": notice.body,
            "purpose": notice.purpose,
        }
        try:
            ended = await run_process(_COMMAND, json.dumps(request).encode(), os.environ)
        except OSError as error:
            raise SinkError(f"cannot be run: {reason_of(error)}") from None
        if ended.code != 0:
            raise SinkError("Apprise could not deliver it; try the address with its own command, apprise -vv")
