"""Asking the bot that runs; with as few imports as possible."""

import http.client
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.kernel.masking import printable
from linda_bot.sessions.lock import Holder, Lockable, holder_of
from linda_bot.web.place import Reachable, connect

_SIGN_WITHIN_S = 5.0
"""A bot that does not show a sign of life in this time is not waited for longer."""

_DOOR_WITHIN_S = 3.0
"""How long a bot that has just started may take to open its socket."""

_LOOK_EVERY_S = 0.05
SLACK_S = 15.0
"""How much longer than a wait that was asked for its answer may take."""

_LONGEST_ANSWER = 4 * 1024 * 1024
_LONGEST_ERROR = 1000
_STARTING, _STOPPING = "running", "stopping"
A = TypeVar("A")


class NoBotError(LindaError):
    """There is no bot that could be asked."""

    exit_code = ExitCode.UNWELL


class BotRefusedError(LindaError):
    """The bot understood, and it cannot be done as things are; or it ended meanwhile."""

    exit_code = ExitCode.UNWELL


class BotHangsError(LindaError):
    """The bot runs and does not answer."""

    exit_code = ExitCode.UNWELL


class Controlled(Lockable, Reachable, Protocol):
    """What a process holds that can be asked."""

    @property
    def directory(self) -> Path:
        """Where it is."""


class RunningBot:
    """The bot that runs on a session."""

    sign = "/api/v1/health"
    """What it answers without delay."""

    def __init__(self, paths: Controlled, holder: Holder) -> None:
        self.pid = holder.pid
        self._paths = paths

    def ask(
        self, method: str, path: str, kind: type[A], body: Mapping[str, object] | None = None, *, within_s: float
    ) -> A:
        """Ask and return the answer, which may take so many seconds.

        Raises UsageError for a wrong request, BotRefusedError, BotHangsError, NoBotError.
        """
        if within_s > _SIGN_WITHIN_S:
            self._exchange("HEAD", self.sign, None, within_s=_SIGN_WITHIN_S)
        status, content = self._exchange(method, path, body, within_s=within_s)
        if status != http.client.OK:
            raise _error(status, content)
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BotRefusedError(
                f"the bot (pid {self.pid}) answered with something else; if it is of another version, restart it"
            ) from None

    def _exchange(
        self, method: str, path: str, body: Mapping[str, object] | None, *, within_s: float
    ) -> tuple[int, bytes]:
        try:
            sent = None if body is None else msgspec.json.encode(body)
        except UnicodeEncodeError:
            raise UsageError("this is no UTF-8 text; write it in UTF-8") from None
        line = _Line(self._connect(within_s), within_s)
        try:
            line.request(method, path, sent, {} if sent is None else {"Content-Type": "application/json"})
            answer = line.getresponse()
            return answer.status, answer.read(_LONGEST_ANSWER)
        except TimeoutError:
            raise self._hangs(within_s) from None
        except (http.client.HTTPException, OSError):
            raise BotRefusedError(f"the bot (pid {self.pid}) ended before it answered") from None
        finally:
            line.close()

    def _connect(self, within_s: float) -> socket.socket:
        give_up_at = time.monotonic() + _DOOR_WITHIN_S
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(within_s)
            try:
                connect(connection, self._paths)
                return connection
            except PermissionError:
                connection.close()
                raise NoBotError(f"the bot (pid {self.pid}) is another user's; ask as that user") from None
            except (TimeoutError, BlockingIOError):  # too many wait there already
                connection.close()
                raise self._hangs(within_s) from None
            except OSError:
                pass  # there is none yet, or one that a killed bot has left
            connection.close()
            if time.monotonic() >= give_up_at:
                bot_of(self._paths)  # it may have ended meanwhile
                raise NoBotError(f"the bot (pid {self.pid}) has no control socket; its log says why")
            time.sleep(_LOOK_EVERY_S)

    def _hangs(self, within_s: float) -> BotHangsError:
        return BotHangsError(
            f"the bot (pid {self.pid}) does not answer within {within_s:g} s: it hangs, or is stopped; "
            f"if it stays so, end it with kill -9 {self.pid} and start it again: nothing is lost"
        )


def bot_of(paths: Controlled) -> RunningBot:
    """Return the bot that runs on a session; raises NoBotError, which says what to do."""
    try:
        holder = holder_of(paths)
    except PermissionError:
        raise NoBotError(f"the session in {paths.directory} is another user's; ask as that user") from None
    if holder is None:
        raise NoBotError(f"no bot runs on the session in {paths.directory}; start it with `linda-bot run`")
    if holder.host != socket.gethostname():
        raise NoBotError(f"the bot runs on {holder.host}; ask it there")
    if holder.phase in (_STARTING, _STOPPING) or not holder.takes_hints:
        raise NoBotError(
            f"pid {holder.pid} holds the session, but is no bot that is up (it starts, stops, or is another command); "
            "try again in a moment"
        )
    return RunningBot(paths, holder)


class _Line(http.client.HTTPConnection):
    """HTTP on a unix socket that is connected already."""

    def __init__(self, connection: socket.socket, within_s: float) -> None:
        super().__init__("localhost", timeout=within_s)
        self.sock = connection


def _error(status: int, content: bytes) -> LindaError:
    try:
        said: Any = msgspec.json.decode(content)
        detail = str(said["detail"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        detail = f"the bot answered with HTTP status {status}"
    text = printable(detail, _LONGEST_ERROR)
    is_ours = status in (http.client.BAD_REQUEST, http.client.REQUEST_ENTITY_TOO_LARGE)
    return UsageError(text) if is_ours else BotRefusedError(text)
