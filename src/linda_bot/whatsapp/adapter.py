"""The client port on a real engine process."""

import asyncio
import itertools
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from linda_bot.kernel.flock import engine_lock_of
from linda_bot.kernel.tasks import spawn_task
from linda_bot.kernel.uptime import uptime_s
from linda_bot.whatsapp.content import AnyContent
from linda_bot.whatsapp.events import ClientEvent, EngineExited, EnginePrinted
from linda_bot.whatsapp.outcomes import request_error
from linda_bot.whatsapp.port import ClientError, LinkRequest, NoAnswerError, NotSentError, SentMessage
from linda_bot.whatsapp.spawn import ENGINE_COMMAND, EngineProcess, end_if_ours, spawn_engine
from linda_bot.whatsapp.wire import (
    FRAME_HEADER,
    MAX_FRAME_BYTES,
    AnyReply,
    AnyRequest,
    Connect,
    Done,
    Download,
    Extend,
    Failed,
    Logout,
    MarkRead,
    Notice,
    PairingCode,
    PairPhone,
    Ping,
    Send,
    Sent,
    Stop,
    frame,
    notice_decoder,
)

_KEPT_LINES = 40
_LONGEST_LINE = 4000
_REAP_EVERY_S = 0.01
_MOST_EVENTS = 2000
_LOOK_EVERY_S = 0.005
_ALIVE_WITHOUT_PIPES_S = 1.0
_UNKNOWN_STATUS = 255


class EngineClient:
    """A WhatsApp client in a child process; see the port for what its methods promise."""

    def __init__(
        self,
        command: Sequence[str] = ENGINE_COMMAND,
        env: Mapping[str, str] | None = None,
        *,
        process: EngineProcess | None = None,
    ) -> None:
        """Describe the engine to start, or take over a process that was started ahead."""
        self._command = command
        self._environment = env
        self._process = process
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[AnyReply]] = {}
        self._unanswered: set[type[AnyRequest]] = set()
        self._events: asyncio.Queue[ClientEvent] = asyncio.Queue()
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._asked_to_stop = False
        self._gone = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._requests: asyncio.WriteTransport | None = None

    @property
    def pid(self) -> int | None:
        """The engine's process id; None before it has one."""
        return self._process.pid if self._process else None

    async def start(self, request: LinkRequest) -> None:
        """Begin to connect; see the port."""
        asked_at = uptime_s()
        try:
            process = self._process or spawn_engine(self._command, self._environment)
        except OSError as error:
            message = f"cannot start the engine process: {error}"
            raise ClientError(message) from error
        self._process = process
        self._requests, _ = await asyncio.get_running_loop().connect_write_pipe(
            asyncio.BaseProtocol,
            os.fdopen(process.requests, "wb", buffering=0),
        )
        self._watch = spawn_task(self._watch_engine(process), name=f"engine {process.pid}")
        connect = Connect(
            id=next(self._ids),
            store=str(request.store.absolute()),
            lock=str(engine_lock_of(request.store).absolute()),
            device_name=request.device_name,
            log_level=request.log_level,
            mailbox=str(request.mailbox.absolute()) if request.mailbox else "",
            most_waiting=request.most_waiting,
            receipts=request.receipts,
            source=request.source,
            mail=request.mail,
            lives_until=None if request.right_s is None else asked_at + request.right_s,
        )
        await self._ask(connect, within_s=60)

    async def events(self) -> AsyncIterator[ClientEvent]:
        """Yield what happens to the link; see the port."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, EngineExited):
                return

    async def send(
        self, chat: str, content: AnyContent, *, rows: Sequence[int] = (), within_s: float = 120
    ) -> SentMessage:
        """Send something; see the port."""
        request = Send(id=next(self._ids), chat=chat, content=content, rows=tuple(rows))
        reply = await self._ask(request, within_s=within_s)
        if not isinstance(reply, Sent):
            message = f"the engine answered a message with {type(reply).__name__}"
            raise ClientError(message)
        return SentMessage(id=reply.message_id, at=reply.sent_at)

    async def mark_read(self, chat: str, sender: str, ids: Sequence[str], *, within_s: float = 30) -> None:
        """Tell the sender that messages were read; see the port."""
        await self._ask(MarkRead(id=next(self._ids), chat=chat, sender=sender, ids=tuple(ids)), within_s=within_s)

    async def download(self, raw: bytes, path: Path, *, within_s: float = 300) -> None:
        """Write a message's file; see the port."""
        await self._ask(Download(id=next(self._ids), raw=raw, path=str(path.absolute())), within_s=within_s)

    async def ping(self, *, within_s: float = 20) -> float:
        """Make a round trip to the server; see the port."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        await self._ask_alone(Ping(id=next(self._ids)), within_s=within_s)
        return loop.time() - asked_at

    async def pair_phone(self, number: str, *, within_s: float = 20) -> str:
        """Ask for a pairing code; see the port."""
        reply = await self._ask_alone(PairPhone(id=next(self._ids), number=number), within_s=within_s)
        if not isinstance(reply, PairingCode):
            message = f"the engine answered a request for a pairing code with {type(reply).__name__}"
            raise ClientError(message)
        return reply.code

    async def logout(self, *, within_s: float = 20) -> None:
        """Unlink the device; see the port."""
        await self._ask_alone(Logout(id=next(self._ids)), within_s=within_s)

    def extend(self, right_s: float) -> None:
        """Let the engine live on; see the port."""
        if not self._gone.is_set():
            self._write(Extend(id=next(self._ids), until=uptime_s() + right_s))

    async def stop(self, *, within_s: float = 3, drain_s: float = 0) -> None:
        """Ask the engine to end, then kill it; see the port."""
        self._asked_to_stop = True
        if self._gone.is_set():
            return
        if self._process is None:
            self._tell_end(0)
            return
        if self._watch is None:  # started ahead, but never used
            self._discard(self._process)
            return
        self._write(Stop(id=next(self._ids), drain_s=drain_s))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s + drain_s):
                await self._gone.wait()
        self.kill()
        await self._gone.wait()

    def kill(self) -> None:
        """End the engine at once; its end is told as usual."""
        if self._process is not None and not self._gone.is_set():
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def _ask_alone(self, request: AnyRequest, *, within_s: float) -> AnyReply:
        """Ask unless an earlier request of this kind still waits for its answer."""
        kind = type(request)
        if kind in self._unanswered:
            message = f"an earlier {kind.__name__.lower()} is still unanswered"
            raise NotSentError(message)
        return await self._ask(request, within_s=within_s)

    async def _ask(self, request: AnyRequest, *, within_s: float) -> AnyReply:
        kind = type(request)
        if self._gone.is_set() or self._requests is None:
            message = "the engine is not running"
            raise NotSentError(message)
        answer: asyncio.Future[AnyReply] = asyncio.get_running_loop().create_future()
        self._answers[request.id] = answer
        self._unanswered.add(kind)
        # Not when we give up waiting, but when the answer comes: until then the library is busy with it.
        answer.add_done_callback(lambda _: self._unanswered.discard(kind))
        self._write(request)
        try:
            async with asyncio.timeout(within_s):
                reply = await asyncio.shield(answer)
        except TimeoutError:
            message = f"no answer to {kind.__name__.lower()} within {within_s:g} s"
            raise NoAnswerError(message) from None
        if isinstance(reply, Failed):
            raise request_error(reply.error)
        return reply

    def _write(self, request: AnyRequest) -> None:
        if self._requests is not None and not self._requests.is_closing():
            self._requests.write(frame(request))

    async def _watch_engine(self, process: EngineProcess) -> None:
        """Read both pipes to their ends, then collect the process and tell that it is gone."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_notices(process.notices), name=f"engine {process.pid} notices")
            group.create_task(self._read_lines(process.stderr), name=f"engine {process.pid} stderr")
        self._tell_end(await self._collect(process.pid))

    def _tell_end(self, code: int) -> None:
        self._gone.set()
        if self._requests is not None:
            self._requests.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(NoAnswerError("the engine ended before it answered"))
                answer.exception()  # nobody may be waiting any more
        lines = () if self._asked_to_stop else tuple(self._last_lines)
        self._events.put_nowait(EngineExited(code=code, asked=self._asked_to_stop, last_lines=lines))

    async def _read_notices(self, descriptor: int) -> None:
        reader, transport = await _pipe_reader(descriptor)
        try:
            while True:
                (length,) = FRAME_HEADER.unpack(await reader.readexactly(FRAME_HEADER.size))
                if length > MAX_FRAME_BYTES:
                    self.kill()  # what follows cannot be understood any more
                    return
                self._receive(notice_decoder.decode(await reader.readexactly(length)))
                if self._events.qsize() >= _MOST_EVENTS:  # whoever follows them is behind: the engine waits, too
                    await self._room()
        except asyncio.IncompleteReadError:
            return
        except msgspec.DecodeError as error:
            self._keep_line(f"the engine sent something that is no message: {error}".encode())
            self.kill()
        finally:
            transport.close()

    async def _room(self) -> None:
        while self._events.qsize() >= _MOST_EVENTS // 2:  # noqa: ASYNC110 (rare, and it lasts for moments)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _receive(self, notice: Notice) -> None:
        match notice:
            case Done() | Sent() | PairingCode() | Failed():
                answer = self._answers.pop(notice.id, None)
                if answer is not None and not answer.done():
                    answer.set_result(notice)
            case _:
                self._events.put_nowait(notice)

    async def _read_lines(self, descriptor: int) -> None:
        reader, transport = await _pipe_reader(descriptor)
        rest = b""
        try:
            while chunk := await reader.read(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._keep_line(line)
            self._keep_line(rest)
        finally:
            transport.close()

    def _keep_line(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
        if text:
            self._last_lines.append(text)
            self._events.put_nowait(EnginePrinted(line=text))

    async def _collect(self, pid: int) -> int:
        """Return the exit status of a process whose pipes have ended; kill it when it lives on without them."""
        for tries in itertools.count():
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 (it does not wait)
            except ChildProcessError:  # somebody else in this process has collected it
                return _UNKNOWN_STATUS
            if ended:
                return os.waitstatus_to_exitcode(status)
            if tries * _REAP_EVERY_S > _ALIVE_WITHOUT_PIPES_S:
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_REAP_EVERY_S)
        raise AssertionError

    def _discard(self, process: EngineProcess) -> None:
        end_if_ours(process)
        for descriptor in (process.requests, process.notices, process.stderr):
            os.close(descriptor)
        self._tell_end(-signal.SIGKILL)


async def _pipe_reader(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader(limit=1024 * 1024)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader),
        os.fdopen(descriptor, "rb", buffering=0),
    )
    return reader, transport
