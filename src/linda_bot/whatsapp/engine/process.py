"""The life of an engine process: load the library, carry out requests, hand over events, end when asked or alone."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import BoundedSemaphore, Event, Thread
from typing import NoReturn, assert_never

from linda_bot.kernel.flock import hold_lock
from linda_bot.whatsapp.engine.late_imports import no_shells, put_off
from linda_bot.whatsapp.engine.pipes import NoticeWriter, claim_pipes, read_requests
from linda_bot.whatsapp.events import (
    ClientEvent,
    Connected,
    ConnectEnded,
    EnginePrinted,
    EngineStarted,
    QrIssued,
    QrRoundEnded,
)
from linda_bot.whatsapp.wire import (
    MESSAGE_WINDOW,
    AnyRequest,
    Connect,
    Done,
    Failed,
    Logout,
    PairingCode,
    PairPhone,
    Ping,
    SendText,
    Sent,
    Stop,
    Took,
)

_FIRST_QR_S = 60.0
_NEXT_QR_S = 20.0
"""How long the phone accepts a code (whatsmeow qrchan.go)."""

_CLOSE_WITHIN_S = 1.0
_DRAIN_WITHIN_S = 0.5
_QUIET_S = 0.08


def run() -> NoReturn:
    """Serve until the daemon says stop or is gone; never returns.

    With the daemon gone there is nobody to hand messages to: the process ends at once, so that as few as possible
    are confirmed to WhatsApp and read by nobody.
    """
    started = time.perf_counter()
    # The daemon decides when an engine ends; a supervisor that signals the whole group must not come first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.umask(0o077)
    requests, descriptor = claim_pipes()
    notices = NoticeWriter(descriptor)
    put_off()
    try:
        with no_shells():
            from linda_bot.whatsapp.engine import library, translation  # noqa: F401 (after what they need is put off)
    except Exception as error:  # noqa: BLE001 (whatever it is, the daemon must be told in one line)
        for request in read_requests(requests):
            notices.send(Failed(id=request.id, error=f"neonize cannot be loaded: {_advice(error)}"))
            break
        os._exit(1)
    notices.send(
        EngineStarted(
            pid=os.getpid(),
            library_version=library.VERSION,
            import_ms=round((time.perf_counter() - started) * 1000),
        )
    )
    engine = Engine(notices)
    for request in read_requests(requests):
        if isinstance(request, Stop):
            engine.end(drain_s=request.drain_s)
        engine.carry_out(request)
    os._exit(0)


def _advice(error: Exception) -> str:
    if "magic" in str(error).lower():
        return (
            "libmagic is missing; install it (Debian and Ubuntu: apt install libmagic1, macOS: brew install libmagic)"
        )
    return f"{type(error).__name__}: {error}"


class Engine:
    """Carries out requests, each kind on a thread of its own, and hands over what the library says."""

    def __init__(self, notices: NoticeWriter) -> None:
        self._notices = notices
        self._window = BoundedSemaphore(MESSAGE_WINDOW)
        self._queues: dict[type[AnyRequest], SimpleQueue[AnyRequest]] = {}
        # Each is written by one thread only, so neither needs a lock.
        self._sends_begun = 0
        self._sends_ended = 0
        self._online = Event()
        self._heard_at = time.monotonic()
        self._number = ""
        self._codes = 0

    def carry_out(self, request: AnyRequest) -> None:
        """Begin to carry out a request; returns at once."""
        if isinstance(request, Took):
            for _ in range(request.count):
                self._window.release()
            return
        if isinstance(request, Connect):
            self._connect(request)
            return
        kind = type(request)
        if kind not in self._queues:
            self._queues[kind] = SimpleQueue()
            Thread(target=self._work_off, args=(self._queues[kind],), name=kind.__name__, daemon=True).start()
        self._sends_begun += kind is SendText
        self._queues[kind].put(request)

    def end(self, *, drain_s: float = 0) -> NoReturn:
        """Hand over what is held, close the connection, and end the process, all within two seconds.

        Before that, what is being sent gets `drain_s` seconds to be confirmed. Only a client that is online can be
        closed in good order: earlier the library's calls may hang for a minute (in a dial) or for ever (in a QR round).
        """
        self._wait_for_confirmations(drain_s)
        if self._online.is_set() and self._within(_CLOSE_WITHIN_S, self._library.disconnect):
            self._wait_for_quiet()
            self._within(_DRAIN_WITHIN_S, self._library.stop)
        os._exit(0)

    # What the library calls.

    def on_qr(self, code: str) -> None:
        """Hand over a QR code."""
        self._codes += 1
        valid_s = _FIRST_QR_S if self._codes == 1 else _NEXT_QR_S
        self._tell(QrIssued(code=code, number=self._codes, valid_s=valid_s))

    def on_login_status(self, status: str) -> None:
        """Hand over how the QR round ended."""
        self._tell(QrRoundEnded(outcome=status))

    def on_event(self, code: int, payload: bytes) -> None:
        """Hand over an event; a message waits here while the daemon is behind."""
        from linda_bot.whatsapp.engine import translation

        self._heard_at = time.monotonic()
        try:
            if code == translation.DEVICE_CODE:
                self._number = translation.linked_number(payload)
            elif code == translation.CONNECTED_CODE:
                self._online.set()
                self._tell(Connected(number=self._number))
            elif (event := translation.translate(code, payload)) is not None:
                if code == translation.MESSAGE_CODE:
                    self._window.acquire()
                self._tell(event)
        except Exception as error:  # noqa: BLE001 (an exception would vanish in the callback)
            self._tell(EnginePrinted(line=f"event {code} was not understood: {error!r}", level="error"))

    def on_log(self, payload: bytes) -> None:
        """Hand over a line of the library's log."""
        from linda_bot.whatsapp.engine import translation

        try:
            self._tell(translation.translate_log(payload))
        except Exception as error:  # noqa: BLE001 (an exception would vanish in the callback)
            self._tell(EnginePrinted(line=f"a log line was not understood: {error!r}", level="error"))

    def _connect(self, request: Connect) -> None:
        from linda_bot.whatsapp.engine.library import Library

        try:
            # Held until this process is gone: a new daemon must not open the store before.
            self._lock = hold_lock(Path(request.lock))
        except OSError as error:
            self._notices.send(Failed(id=request.id, error=f"the session is held by another engine: {error}"))
            return
        self._library = Library(Path(request.store), request.device_name, request.log_level)
        Thread(target=self._stay_connected, name="connection", daemon=True).start()
        self._notices.send(Done(id=request.id))

    def _stay_connected(self) -> None:
        error = self._library.connect(self)
        self._tell(ConnectEnded(error=error))
        if self._online.is_set():
            # The library's event pump has died, but its socket is open: what came now would be confirmed and lost.
            self._within(_CLOSE_WITHIN_S, self._library.disconnect)
        self._online.clear()

    def _work_off(self, queue: "SimpleQueue[AnyRequest]") -> None:
        while True:
            request = queue.get()
            try:
                self._perform(request)
            except Exception as error:  # noqa: BLE001 (the daemon decides what an error means)
                self._notices.send(Failed(id=request.id, error=_plain(error)))
            self._sends_ended += isinstance(request, SendText)

    def _perform(self, request: AnyRequest) -> None:
        match request:
            case SendText(id=number, chat=chat, text=text):
                message_id, sent_at = self._library.send_text(chat, text)
                self._notices.send(Sent(id=number, message_id=message_id, sent_at=sent_at))
                return
            case Ping():
                self._library.ping()
            case PairPhone(id=request_id, number=number):
                self._notices.send(PairingCode(id=request_id, code=self._library.pair_phone(number)))
                return
            case Logout():
                self._library.logout()
            case Connect() | Stop() | Took():
                raise AssertionError(request)  # carried out before any queue
            case _:
                assert_never(request)
        self._notices.send(Done(id=request.id))

    def _tell(self, event: ClientEvent) -> None:
        self._notices.send(event)

    def _wait_for_confirmations(self, seconds: float) -> None:
        """Wait until nothing is being sent, at most so long."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at and self._sends_ended < self._sends_begun:
            time.sleep(_QUIET_S / 4)

    def _wait_for_quiet(self) -> None:
        """Wait until no event has come for a moment: the library's queue is handed over."""
        give_up_at = time.monotonic() + _DRAIN_WITHIN_S
        while time.monotonic() < give_up_at and time.monotonic() - self._heard_at < _QUIET_S:
            time.sleep(_QUIET_S / 4)

    @staticmethod
    def _within(seconds: float, call: Callable[[], None]) -> bool:
        """Call on a thread of its own; return whether it came back in time."""
        thread = Thread(target=call, daemon=True)
        thread.start()
        thread.join(seconds)
        return not thread.is_alive()


def _plain(error: Exception) -> str:
    """Return the library's own words; some of its errors carry bytes."""
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(error) or type(error).__name__
