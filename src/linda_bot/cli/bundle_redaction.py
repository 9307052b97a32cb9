"""What may leave the machine in a support bundle: no number, no text, no name, no key, whatever the log was told."""

import re
from collections.abc import Iterable
from pathlib import Path

from linda_bot.eventlog.pseudonyms import key_of
from linda_bot.eventlog.reading import Record
from linda_bot.eventlog.redaction import Redactor
from linda_bot.kernel.masking import mask_text, printable
from linda_bot.sessions.paths import SessionPaths

_UNBOUNDED = 2000
_TEXTS = frozenset(
    {
        "answer", "body", "caption", "comment", "contacts", "content", "description", "display_name", "emoji",
        "file_name", "filename", "media", "mentions", "name", "options", "place", "poll", "push_name", "pushname",
        "question", "quoted", "quoted_text", "raw", "reply", "sender_name", "subject", "text", "title", "vcard",
    }
)  # fmt: skip
"""Facts that strangers wrote, or that say who they are: only how long they are is told."""

_SECRETS = frozenset(
    {"code", "key", "password", "qr", "secret", "token", "authorization", "cookie", "pairing_code", "qr_code"}
)
_COUNTS = re.compile(r"(?:.*_)?(?:bytes|size|s|ms|duration|pid|count|received|total|lost|max_bytes)$")
"""Names of figures that are no phone number, however large."""

_SMALLEST_NUMBER = 10**6
_QUOTED = re.compile(r"'[^'\n]{3,}'|\"[^\"\n]{3,}\"")
_FRAME = re.compile(r"\s|Traceback \(most recent call last\)|During handling of|The above exception|\Z")
_AUTHORS_EVENTS = ("handler_", "hook_", "message_set_aside", "handlers_")
_OURS = "linda_bot"


class BundleRedactor:
    """Passes on what may be seen by whoever helps."""

    def __init__(self, paths: SessionPaths, known_secrets: Iterable[str] = ()) -> None:
        """Take whose files they are, and secrets that are known: none of them is passed on, wherever it stands."""
        self._redactor = Redactor(key_of(paths.logs))
        self._home = str(Path.home())
        self._secrets = sorted({secret for secret in known_secrets if secret}, key=len, reverse=True)

    def line(self, text: str) -> str:
        """Return a line of anybody's."""
        for secret in self._secrets:
            text = text.replace(secret, "<secret>")
        if len(self._home) > len("/root"):
            text = text.replace(self._home, "~")
        return self._redactor.line(text)

    def plain(self, value: object) -> object:
        """Return a value that this program has made, whatever its name is."""
        return self.line(value) if isinstance(value, str) else value

    def value(self, name: str, value: object) -> object:
        """Return a value of a JSON document by the name that it has there."""
        if isinstance(value, dict):
            return {self.line(str(key)): self.value(str(key), each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(name, each) for each in value]
        bare = name.lower()
        if bare in _SECRETS and isinstance(value, str):
            return "<secret>" if value else ""
        if bare in _TEXTS and isinstance(value, str):
            return mask_text(value) if value else ""
        if isinstance(value, str):
            return self.line(value)
        return self._figure(bare, value)

    def record(self, record: Record) -> dict[str, object]:
        """Return a line of the event log."""
        if record.facts is None:
            return {"line": self._unquoted(record.text)}
        self._remember(record)
        at = record.at.isoformat() if record.at else None
        logger = record.facts.get("logger")
        is_authors = logger is not None and not str(logger).startswith(_OURS)
        head = {
            "timestamp": at,
            "level": self.line(record.level),
            "category": self.line(record.category),
            "event": mask_text(record.event) if is_authors else self._unquoted(record.event),
        }
        if is_authors:  # what an author's own handlers, or libraries, log may be anything
            trace = self._trace(str(record.facts.get("trace", "")), keep_messages=False)
            return {**head, "logger": self.line(str(logger)), **({"trace": trace} if trace else {})}
        keep = not record.event.startswith(_AUTHORS_EVENTS)
        return {**head, **{name: self._fact(name, each, keep=keep) for name, each in record.facts.items()}}

    def _fact(self, name: str, value: object, *, keep: bool) -> object:
        if name in ("trace", "exception", "stack"):
            return self._trace(str(value), keep_messages=keep)
        if isinstance(value, str) and name in ("error", "because", "line", "example"):
            return self._unquoted(value) if keep else mask_text(value)
        return self.value(name, value)

    def _trace(self, trace: str, *, keep_messages: bool) -> str:
        """Return where something failed; of what the error says only what is no quotation, or nothing."""
        rows = []
        for row in trace.splitlines():
            if _FRAME.match(row):
                rows.append(self.line(row))
                continue
            kind, colon, message = row.partition(":")
            said = self._unquoted(message) if keep_messages else f" {mask_text(message.strip())}"
            rows.append(f"{self.line(kind)}{colon}{said}" if colon else self._unquoted(row))
        return "\n".join(rows)

    def _unquoted(self, text: str) -> str:
        return _QUOTED.sub(lambda found: mask_text(found[0][1:-1]), self.line(text))

    def _remember(self, record: Record) -> None:
        """Have a stranger's text be known where it is quoted later."""
        for name, value in (record.facts or {}).items():
            if name.lower() in _TEXTS and isinstance(value, str):
                self._redactor.remember(value)

    def _figure(self, name: str, value: object) -> object:
        is_large = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _SMALLEST_NUMBER
        if not is_large or _COUNTS.fullmatch(name):
            return value
        return self.line(f"{value:.0f}") if abs(value) < float("inf") else None  # type: ignore[arg-type]


def fit_name(name: str) -> str:
    """Return a file's name as far as it may be seen: of those that are not ours only that there is one."""
    return printable(name, _UNBOUNDED) if _OUR_NAMES.fullmatch(name) else "<another file>"


_ACCOUNT = r"(?:default|\d{7,15})"
_OUR_NAMES = re.compile(
    rf"session-{_ACCOUNT}|session\.db(?:-wal|-shm|-journal|\.next|\.next\.draft)?|device-status\.json|session-history\.json"
    rf"|session-state\.json|run-mark\.json|after-restore\.json|made-in-sandbox|recent-logins|paused\.json|control\.(?:sock|json)"
    rf"|[a-z]+\.lock|messages-{_ACCOUNT}\.db\.lock|session\.db\.engine\.lock|\.session-state\.lock|\.backup-{_ACCOUNT}\.lock|\.events\.jsonl\.lock"
    rf"|backup-{_ACCOUNT}-\d{{1,9}}|quarantine-{_ACCOUNT}-[0-9TZ.]+|manifest\.json|retired\.json|why\.json"
    rf"|session\.db\.sealed|events\.jsonl(?:\.\d+)?|health-{_ACCOUNT}\.jsonl(?:\.\d+)?|\.alerts-{_ACCOUNT}\.json|\.pseudonym-key"
    rf"|messages-{_ACCOUNT}\.db(?:-wal|-shm)?|files-{_ACCOUNT}|sessions|logs|messages|\.session-cache"
    r"|[a-z-]+\.json\.unreadable(?:-\d)?"
)
