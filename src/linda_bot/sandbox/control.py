"""The control socket: what a person or a script can ask of a sandbox that runs in another process.

HTTP with JSON on a unix socket in the sandbox's directory, for its owner only; see `control_api` for the words.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Self, TypeVar

import msgspec
from aiohttp import web

from linda_bot.kernel.errors import LindaError, UsageError
from linda_bot.kernel.tasks import spawn_task
from linda_bot.sandbox import faults
from linda_bot.sandbox.control_api import (
    LONGEST_BODY,
    SOCKET,
    USUAL_NUMBER,
    Done,
    InjectFault,
    NotDoneError,
    PlayScript,
    Question,
    Refused,
    SandboxState,
    Scan,
    Scanned,
    Send,
    ShowState,
    socket_address,
)
from linda_bot.sandbox.conversation import converse
from linda_bot.sandbox.pairing import ScanError, ref_of
from linda_bot.sandbox.people import People
from linda_bot.sandbox.report import state_of
from linda_bot.sandbox.server import Sandbox

_log = logging.getLogger("linda_bot.sandbox")
_BODY_WITHIN_S = 10
_FAULT_WITHIN_S = 30
_LINKED_WITHIN_S = 15
_LOOK_EVERY_S = 0.02
_END_WITHIN_S = 0.3
Q = TypeVar("Q", bound=Question)


class Control:
    """Answers on the control socket of a sandbox; an async context manager inside the sandbox's own."""

    def __init__(self, sandbox: Sandbox, *, number: str = USUAL_NUMBER) -> None:
        """Describe it; `number` is the account that is meant where a question names none."""
        self._sandbox = sandbox
        self._number = number
        self._people = People(sandbox)
        self._script: asyncio.Task[None] | None = None
        self._since = datetime.now(UTC)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._people.close)
            closing.push_async_callback(self._end_script)
            application = web.Application(client_max_size=LONGEST_BODY, middlewares=[_answer_errors])
            application.router.add_post("/scan", _handler(Scan, self._scan))
            application.router.add_post("/send", self._send)
            application.router.add_post("/fault", _handler(InjectFault, self._inject))
            application.router.add_post("/script", _handler(PlayScript, self._play))
            application.router.add_post("/state", _handler(ShowState, self._state))
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=_END_WITHIN_S)
            await runner.setup()
            closing.push_async_callback(runner.cleanup)
            listener = self._listen()
            closing.callback((self._sandbox.directory / SOCKET).unlink, missing_ok=True)
            await web.SockSite(runner, listener).start()
            self._closing = closing.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._closing.aclose()

    def play(self, script: faults.Script) -> None:
        """Begin to play a script of faults; raises UsageError while another one is being played."""
        if self._script is not None and not self._script.done():
            raise UsageError("another script is being played; end it first: linda-bot sandbox fault DIR clear")
        self._script = spawn_task(self._played(script), name="script of faults")

    def _listen(self) -> socket.socket:
        """Return the listening socket; what a killed sandbox has left in its place is removed."""
        place = self._sandbox.directory / SOCKET
        if place.is_socket():  # the directory is locked by us, so nobody listens there
            place.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_address(self._sandbox.directory) as address:
                listener.bind(address)
            place.chmod(0o600)
        except OSError as error:
            listener.close()
            reason = os.strerror(error.errno or 0).lower()
            raise UsageError(f"cannot make {place} ({reason}); remove it or choose another directory") from None
        return listener

    async def _scan(self, asked: Scan) -> Scanned:
        number = asked.number or self._number
        if bool(asked.qr) == bool(asked.code):
            raise UsageError("name either the text of a QR code or a pairing code")
        phone = self._sandbox.phone(number)
        before, failed = phone.pairings, self._sandbox.counts["pairing_failed"]
        try:
            await (phone.scan(asked.qr) if asked.qr else phone.enter_code(asked.code))
        except ScanError as error:
            advice = "; scan the code that the bot shows now" if asked.qr else ""
            raise NotDoneError(f"not linked: {error}{advice}") from None
        give_up_at = asyncio.get_running_loop().time() + _LINKED_WITHIN_S
        while phone.pairings == before:
            failed_now = self._sandbox.counts["pairing_failed"] > failed
            if failed_now or self._is_gone(asked.qr) or asyncio.get_running_loop().time() > give_up_at:
                raise NotDoneError("not linked: the device did not finish what it had begun; look at its screen")
            await asyncio.sleep(_LOOK_EVERY_S)
        return Scanned(number=number, device=self._sandbox.registry.device_ids(number)[-1])

    def _is_gone(self, qr: str) -> bool:
        """Return whether the device that showed a QR text has hung up."""
        try:
            if qr:
                self._sandbox.waiting_session(ref_of(qr))
        except ScanError:
            return True
        return False

    async def _send(self, request: web.Request) -> web.Response:
        asked = await _read(request, Send)
        asked = msgspec.structs.replace(asked, to=asked.to or self._number)

        def gone() -> bool:
            return request.transport is None or request.transport.is_closing()

        return _json(await converse(self._sandbox, self._people, asked, gone))

    async def _inject(self, asked: InjectFault) -> Done:
        if asked.name == "clear":
            await self._end_script()
        try:
            async with asyncio.timeout(_FAULT_WITHIN_S):
                return Done(said=await faults.inject(self._sandbox, asked.name, asked.parameters))
        except TimeoutError:
            raise NotDoneError(f"the fault {asked.name} did not come about within {_FAULT_WITHIN_S} s") from None

    async def _play(self, asked: PlayScript) -> Done:
        script = faults.parse_script(asked.script)
        self.play(script)
        lasts_s = sum(step.after_s for step in script)
        return Done(said=f"the script plays: {len(script)} faults in {lasts_s:g} s")

    async def _played(self, script: faults.Script) -> None:
        try:
            await faults.play(self._sandbox, script)
        except LindaError as error:
            self._sandbox.note("script_failed", reason=str(error))
        except Exception as error:  # noqa: BLE001 (a fault of ours: it must be seen, and the server goes on)
            self._sandbox.note("failed", reason=repr(error))
            _log.exception("a script of faults failed")
        else:
            self._sandbox.note("script_done")

    async def _end_script(self) -> None:
        if self._script is not None:
            self._script.cancel()
            with suppress(asyncio.CancelledError):
                await self._script

    async def _state(self, asked: ShowState) -> SandboxState:
        plays = self._script is not None and not self._script.done()
        return state_of(self._sandbox, since=self._since, script=plays, notes=asked.notes)


def _handler(
    kind: type[Q], answer: Callable[[Q], Awaitable[msgspec.Struct]]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return _json(await answer(await _read(request, kind)))

    return handle


async def _read(request: web.Request, kind: type[Q]) -> Q:
    """Return what is asked; raises UsageError."""
    async with asyncio.timeout(_BODY_WITHIN_S):
        body = await request.read()
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"this is no question to the sandbox: {error}") from None


@web.middleware
async def _answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer every error as JSON; none of them ends the server."""
    try:
        return await handler(request)
    except UsageError as error:
        return _refused(HTTPStatus.BAD_REQUEST, str(error))
    except LindaError as error:
        return _refused(HTTPStatus.CONFLICT, str(error))
    except TimeoutError:
        return _refused(HTTPStatus.REQUEST_TIMEOUT, f"the question did not arrive within {_BODY_WITHIN_S} s")
    except web.HTTPException as error:
        return _refused(error.status, f"{error.reason}; use the commands of linda-bot sandbox")
    except Exception as error:  # noqa: BLE001 (nothing that is asked may end the server)
        _log.exception("a question to the sandbox failed")
        return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"a fault of the sandbox's own: {error!r}; see its screen")


def _json(answer: msgspec.Struct, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")


def _refused(status: int, error: str) -> web.Response:
    return _json(Refused(error=error), status)
