"""Asking a sandbox that runs in another process; with as few imports as possible."""

import http.client
import os
import socket
from pathlib import Path
from typing import TypeVar

import msgspec

from linda_bot.kernel.errors import ExitCode, LindaError, UsageError
from linda_bot.kernel.flock import is_held
from linda_bot.kernel.masking import printable
from linda_bot.sandbox.control_api import LONGEST_BODY, SOCKET, Question, Refused, socket_address

_LONGEST_ANSWER = 64 * 1024 * 1024
_LONGEST_ERROR = 1000
_STATUS_OF_A_WRONG_QUESTION = range(400, 409)
A = TypeVar("A")


class SandboxRefusedError(LindaError):
    """The sandbox understood and could not do it, or has ended meanwhile."""

    exit_code = ExitCode.UNWELL


def ask(directory: Path, path: str, question: Question, kind: type[A], *, within_s: float) -> A:
    """Ask the sandbox in a directory and return its answer.

    Raises UsageError when no sandbox runs there or the question is wrong, SandboxRefusedError when it cannot be done.
    """
    try:
        body = msgspec.json.encode(question)
    except UnicodeEncodeError:
        raise UsageError("this is no UTF-8 text; write it in UTF-8") from None
    if len(body) > LONGEST_BODY:
        raise UsageError(f"this is too long: {len(body)} bytes; the sandbox takes {LONGEST_BODY}")
    line = _Line(directory, within_s)
    try:
        line.request("POST", path, body)
        answer = line.getresponse()
        content = answer.read(_LONGEST_ANSWER)
    except TimeoutError:
        raise SandboxRefusedError(
            f"the sandbox in {directory} has not answered within {within_s:g} s; look at its screen or start it again"
        ) from None
    except (http.client.HTTPException, ConnectionError):
        raise SandboxRefusedError(f"the sandbox in {directory} ended before it answered; start it again") from None
    finally:
        line.close()
    if answer.status == http.client.OK:
        return msgspec.json.decode(content, type=kind)
    raise _error(answer.status, content)


def _error(status: int, content: bytes) -> LindaError:
    try:
        said = msgspec.json.decode(content, type=Refused).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = f"the sandbox answered with HTTP status {status}"
    text = printable(said, _LONGEST_ERROR)
    return UsageError(text) if status in _STATUS_OF_A_WRONG_QUESTION else SandboxRefusedError(text)


class _Line(http.client.HTTPConnection):
    """HTTP on the control socket."""

    def __init__(self, directory: Path, within_s: float) -> None:
        super().__init__("sandbox", timeout=within_s)
        self._directory = directory

    def connect(self) -> None:
        """Connect; raises UsageError, in one line that says what to do."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            with socket_address(self._directory) as address:
                self.sock.connect(address)
        except OSError as error:
            raise UsageError(_why_there_is_none(self._directory, error)) from None


def _why_there_is_none(directory: Path, error: OSError) -> str:
    start = f"start one: linda-bot sandbox serve {directory}"
    if isinstance(error, PermissionError):
        return f"the sandbox in {directory} belongs to another user; run this as that user"
    if directory.exists() and not directory.is_dir():
        return f"{directory} is not a directory; name the one that `linda-bot sandbox serve` was given"
    if _runs(directory):
        return (
            f"the sandbox in {directory} is part of another program and takes no commands; for one that does, {start}"
        )
    if isinstance(error, ConnectionRefusedError) and (directory / SOCKET).is_socket():
        return f"the sandbox in {directory} was killed and left its socket behind; {start}"
    if isinstance(error, FileNotFoundError | NotADirectoryError | ConnectionRefusedError):
        return f"no sandbox runs in {directory}; {start}"
    return f"the sandbox in {directory} cannot be reached: {os.strerror(error.errno or 0).lower()}; {start}"


def _runs(directory: Path) -> bool:
    try:
        return is_held(directory / "server.lock")
    except OSError:
        return False
