"""The life of an engine process: load the library, carry out requests, hand over events, end when asked or alone."""

import os
import signal
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import NoReturn, assert_never

import msgspec

from linda_bot.kernel.events import utc_now
from linda_bot.kernel.flock import hold_lock
from linda_bot.whatsapp.engine.deadline import Deadline
from linda_bot.whatsapp.engine.flow import Arrivals, Departures, plain
from linda_bot.whatsapp.engine.late_imports import no_shells, put_off
from linda_bot.whatsapp.engine.pipes import NoticeWriter, claim_pipes, read_requests
from linda_bot.whatsapp.events import (
    ClientEvent,
    Connected,
    ConnectEnded,
    EnginePrinted,
    EngineStarted,
    MessageReceived,
    OfflineSyncCompleted,
    QrIssued,
    QrRoundEnded,
)
from linda_bot.whatsapp.outcomes import lacks_room_for_a_message, lacks_store_for_a_send
from linda_bot.whatsapp.wire import (
    AnyReply,
    AnyRequest,
    Connect,
    Done,
    Download,
    Extend,
    Failed,
    Logout,
    MarkRead,
    PairingCode,
    PairPhone,
    Ping,
    Send,
    Stop,
)

_FIRST_QR_S = 60.0
_NEXT_QR_S = 20.0
"""How long the phone accepts a code (whatsmeow qrchan.go)."""

_CLOSE_WITHIN_S = 1.0
_STOP_WITHIN_S = 0.5
_QUIET_S = 0.08
_WHOLE_SECOND = timedelta(seconds=1)
"""What the server's times are cut down to."""
_QUIET_WITHIN_S = 5.0
_LAST_SENDS_S = 3.0
"""With the daemon gone, or no room for messages: how long what is being sent may take to be confirmed."""


def run() -> NoReturn:
    """Serve until the daemon says stop or is gone; never returns.

    With the daemon gone no message is taken any more, and what is held is written down. Where nothing is, the process
    ends at once, so that as few messages as possible are confirmed to WhatsApp and read by nobody.
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
    if engine.writes_down:
        engine.end(drain_s=_LAST_SENDS_S)
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
        self._queues: dict[type[AnyRequest], SimpleQueue[AnyRequest]] = {}
        self._arrivals: Arrivals | None = None
        self._departures: Departures | None = None
        self._taking = 0
        self._online = Event()
        self._heard_at = time.monotonic()
        self._number = ""
        self._codes = 0
        self._synced_from: datetime | None = None
        """When the link came up; None again once everything that waited was delivered."""
        self._last_line = ""
        self._repeats = 0
        self._hanging_up = Lock()
        self._has_hung_up = False
        self.writes_down = False
        self._deadline = Deadline()

    def carry_out(self, request: AnyRequest) -> None:
        """Begin to carry out a request; returns at once."""
        if isinstance(request, Connect):
            self._connect(request)
            return
        if isinstance(request, Extend):
            self._deadline.extend(request.until)
            return
        kind = type(request)
        if kind not in self._queues:
            self._queues[kind] = SimpleQueue()
            Thread(target=self._work_off, args=(self._queues[kind],), name=kind.__name__, daemon=True).start()
        self._queues[kind].put(request)

    def end(self, *, drain_s: float = 0) -> NoReturn:
        """Hand over what is held, close the connection, and end the process, all within two seconds.

        Before that, what is being sent gets `drain_s` seconds to be confirmed. Only a client that is online can be
        closed in good order: earlier the library's calls may hang for a minute (in a dial) or for ever (in a QR round).
        """
        self._finish_sending(drain_s)
        if self._online.is_set() and self._within(_CLOSE_WITHIN_S, self._library.disconnect):
            self._wait(self._is_quiet, _QUIET_WITHIN_S)
            self._within(_STOP_WITHIN_S, self._library.stop)
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
        self._taking += 1
        try:
            if code == translation.DEVICE_CODE:
                self._number = translation.linked_number(payload)
            elif code == translation.CONNECTED_CODE:
                self._synced_from = utc_now()
                self._online.set()
                self._tell(Connected(number=self._number))
            elif (event := translation.translate(code, payload)) is not None:
                self._pass_on(event)
        except Exception as error:  # noqa: BLE001 (an exception would vanish in the callback)
            self._tell(EnginePrinted(line=f"event {code} was not understood: {error!r}", level="error"))
        finally:
            self._taking -= 1
            self._heard_at = time.monotonic()

    def on_log(self, payload: bytes) -> None:
        """Hand over a line of the library's log."""
        from linda_bot.whatsapp.engine import translation

        try:
            entry = translation.translate_log(payload)
            if lacks_room_for_a_message(entry.line):
                self._hang_up(entry.line)
            if lacks_store_for_a_send(entry.line) and self._departures is not None:
                self._departures.lacked_store()
            if entry.line == self._last_line:  # it says some things for every message of a flood
                self._repeats += 1
                return
            repeats, self._repeats, self._last_line = self._repeats, 0, entry.line
            if repeats:
                self._tell(EnginePrinted(line=f"the line before came {repeats} more times", level=entry.level))
            self._tell(entry)
        except Exception as error:  # noqa: BLE001 (an exception would vanish in the callback)
            self._tell(EnginePrinted(line=f"a log line was not understood: {error!r}", level="error"))

    def _hang_up(self, because: str) -> None:
        """End the connection before WhatsApp is told that a message has arrived which could not be stored.

        The library says that it cannot store one, then confirms it and asks its sender for it again, a few times within
        a moment, then never more (whatsmeow message.go, decryptMessages; retry.go). It waits for us while it says so:
        what it would send next finds no connection, and the message stays with WhatsApp.
        """
        with self._hanging_up:
            if self._has_hung_up or not self._online.is_set():
                return
            self._has_hung_up = True
            self._finish_sending(_LAST_SENDS_S)  # answers to us do not wait behind the message that we hold
            self._within(_CLOSE_WITHIN_S, self._library.disconnect)
        Thread(target=self._give_up, args=(because,), name="hanging up", daemon=True).start()

    def _finish_sending(self, within_s: float) -> None:
        """Begin to send nothing more, and give what is being sent so long to be confirmed."""
        departures = self._departures
        if departures is not None:
            departures.close()
            self._wait(lambda: not departures.under_way, within_s)

    def _give_up(self, because: str) -> None:
        """Tell that the connection is over, which is this process's end, once what was read before is written down."""
        while not self._is_quiet():  # however long the disk takes nothing
            time.sleep(_QUIET_S)
        self._tell(ConnectEnded(error=because))

    def _connect(self, request: Connect) -> None:
        from linda_bot.whatsapp.engine.library import Library

        try:
            # Held until this process is gone: a new daemon must not open the store before.
            self._lock = hold_lock(Path(request.lock))
        except OSError as error:
            self._notices.send(Failed(id=request.id, error=f"the session is held by another engine: {error}"))
            return
        if request.lives_until is not None:
            self._deadline.extend(request.lives_until)
        store = request.source or Path(request.store)
        self._library = Library(store, request.device_name, request.log_level, receipts=request.receipts)
        self._arrivals = Arrivals(request, self._tell)
        self._departures = Departures(request, self._library, self._tell)
        self.writes_down = bool(request.mailbox or request.mail)
        Thread(target=self._stay_connected, name="connection", daemon=True).start()
        self._notices.send(Done(id=request.id))

    def _pass_on(self, event: ClientEvent) -> None:
        if isinstance(event, MessageReceived) and self._arrivals is not None:
            message, since = event.message, self._synced_from
            if since is not None and message.sent_at < since - _WHOLE_SECOND:
                message = msgspec.structs.replace(message, was_waiting=True)
            self._arrivals.take(message, self._number)
            return
        if isinstance(event, OfflineSyncCompleted):
            self._synced_from = None
        self._tell(event)

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
                reply = self._perform(request)
            except Exception as error:  # noqa: BLE001 (the daemon decides what an error means)
                reply = Failed(id=request.id, error=plain(error))
            self._notices.send(reply)

    def _perform(self, request: AnyRequest) -> AnyReply:
        match request:
            case Send():
                assert self._departures is not None
                return self._departures.send(request)
            case MarkRead(chat=chat, sender=sender, ids=ids):
                self._library.mark_read(chat, sender, ids)
            case Download(raw=raw, path=path):
                self._library.download(raw, path)
            case Ping():
                self._library.ping()
            case PairPhone(number=number):
                return PairingCode(id=request.id, code=self._library.pair_phone(number))
            case Logout():
                self._library.logout()
            case Connect() | Extend() | Stop():
                raise AssertionError(request)  # carried out before any queue
            case _:
                assert_never(request)
        return Done(id=request.id)

    def _tell(self, event: ClientEvent) -> None:
        self._notices.send(event)

    def _is_quiet(self) -> bool:
        """Return whether no event has come for a moment: the library's queue is handed over."""
        return not self._taking and time.monotonic() - self._heard_at >= _QUIET_S

    @staticmethod
    def _wait(done: Callable[[], bool], seconds: float) -> None:
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at and not done():
            time.sleep(_QUIET_S / 8)

    @staticmethod
    def _within(seconds: float, call: Callable[[], None]) -> bool:
        """Call on a thread of its own; return whether it came back in time."""
        thread = Thread(target=call, daemon=True)
        thread.start()
        thread.join(seconds)
        return not thread.is_alive()
