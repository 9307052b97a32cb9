"""What the control socket of a running sandbox is asked and what it answers: the words that both ends share."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from linda_bot.kernel.errors import LindaError

SOCKET = "control.sock"
LONGEST_BODY = 1024 * 1024
"""The longest question, in bytes."""
MOST_MESSAGES = 1000
LONGEST_WAIT_S = 300.0
USUAL_NUMBER = "971505760056"
"""The bot's account where nobody has said another."""
USUAL_CONTACT = "4915112345678"

_LONGEST_ADDRESS = 107  # unix(7): sun_path has 108 bytes, the last of them zero


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is asked of the sandbox; answered by its counterpart, or by `Refused`."""


class Scan(Question, frozen=True, kw_only=True):
    """Link the device that shows a QR text, or the one that shows a pairing code."""

    qr: str = ""
    code: str = ""
    number: str = ""
    """The account to link it to; empty for the sandbox's own."""


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """A device was linked."""

    number: str
    device: int


class Send(Question, frozen=True, kw_only=True):
    """Have a contact write to an account, and wait for answers."""

    text: str
    sender: str = USUAL_CONTACT
    to: str = ""
    """The account; empty for the sandbox's own."""
    count: int = 1
    wait_s: float = 0
    """How long to wait for answers after the last message; the wait ends when each message has one."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A message that came back."""

    text: str
    kind: str
    """Its type, for example `conversation`; what is no text has an empty one."""
    after_s: float
    """How long after the last message was sent; negative when it came before that."""


class MessagesSent(msgspec.Struct, frozen=True, kw_only=True):
    """Messages went out, and this came back."""

    sender: str
    to: str
    sent: int
    took_s: float
    """How long the sending took, in seconds."""
    answers: Sequence[Answer]
    others: Sequence[str]
    """Texts from other accounts, and answers to earlier calls that came too late for them."""
    dropped: int
    """Answers that the contact's own library dropped because their Signal counter had been used before."""


class InjectFault(Question, frozen=True, kw_only=True):
    """Carry out a fault of `faults.CATALOGUE`; `clear` also ends a script."""

    name: str
    parameters: Mapping[str, str] = {}


class PlayScript(Question, frozen=True, kw_only=True):
    """Play a script of faults; answered when it has begun."""

    script: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It was carried out."""

    said: str
    """What was done, in one line."""


class ShowState(Question, frozen=True, kw_only=True):
    """Tell how things are."""

    notes: int = 10
    """How many of the newest notes to tell."""


class DeviceState(msgspec.Struct, frozen=True, kw_only=True):
    """A linked device."""

    device: int
    linked_at: datetime | None
    """None when it was linked before the sandbox's present start."""
    online: bool
    queued: int
    """Messages that wait for it."""


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """An account that somebody has used."""

    number: str
    name: str
    contact: bool
    """Whether a contact of the sandbox's writes with it."""
    pairings: int
    """How many devices its phone has linked in all."""
    devices: Sequence[DeviceState]


class FaultState(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that was asked for since the last `clear`, unless its time is over."""

    name: str
    parameters: Mapping[str, str]
    at: datetime
    ends_in_s: float | None
    """None for one without a duration."""


class NoteState(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened."""

    at: datetime
    what: str
    facts: Mapping[str, str]


class SandboxState(msgspec.Struct, frozen=True, kw_only=True):
    """How things are on a sandbox."""

    directory: str
    pid: int
    port: int
    since: datetime
    accounts: Sequence[AccountState]
    counts: Mapping[str, int]
    faults: Sequence[FaultState]
    script: bool
    """Whether a script is being played."""
    notes: Sequence[NoteState]


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing came of a question."""

    error: str
    """One line that says what would be right."""


class NotDoneError(LindaError):
    """A question was right and nothing came of it; the text says why."""


@contextmanager
def socket_address(directory: Path) -> Iterator[str]:
    """Yield an address of a directory's control socket that the kernel takes, however long the path is; raises OSError.

    An address has room for 107 bytes. A longer path is reached through a descriptor of its directory.
    """
    plain = str(directory / SOCKET)
    if len(os.fsencode(plain)) <= _LONGEST_ADDRESS:
        yield plain
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)
