"""Making texts fit to be shown: personal data masked, a stranger's control characters harmless. Pure."""

import re

_LONGEST = 300
_HEAD, _TAIL = 5, 2

_NUMBER = re.compile(r"(?<!\d)\+?\d{7,20}(?!\d|T\d)")
_JID = re.compile(r"(\d{5,20})((?:[.:_]\d+)*@(?:s\.whatsapp\.net|lid|g\.us|broadcast|c\.us|newsletter))")
_QR_TEXT = re.compile(r"(?:https://wa\.me/settings/linked_devices#|2@)\S+")


def mask_number(number: str) -> str:
    """Hide the middle of a phone number: `971505760056` is `97150*****56`; a short one is hidden whole."""
    if len(number) < _HEAD + _TAIL + 1:
        return "*" * len(number)
    return number[:_HEAD] + "*" * (len(number) - _HEAD - _TAIL) + number[-_TAIL:]


def mask_account(account: str) -> str:
    """Hide the middle of an account's number; one without a number keeps its name."""
    return mask_number(account) if account.isdecimal() else account


def mask_text(text: str) -> str:
    """Say only how long a text is."""
    return f"<{len(text)} characters>"


def hide_codes(line: str) -> str:
    """Hide QR texts, which are credentials, in a line that somebody else wrote."""
    return _QR_TEXT.sub("<QR code>", line)


def mask_line(line: str) -> str:
    """Hide JIDs, long numbers and QR texts in a line that somebody else wrote."""
    line = hide_codes(line)
    line = _JID.sub(lambda match: mask_number(match[1]) + match[2], line)
    return _NUMBER.sub(lambda match: mask_number(match[0]), line)


def printable(text: str, longest: int = _LONGEST) -> str:
    r"""Return a text as one line without anything that could steer a terminal or a log.

    Control, format and bidirectional characters and line breaks become `\x1b`-like escapes; what is longer is cut.
    """
    shown = text[: longest + 1]
    if not shown.isprintable():  # a quick look first: nearly all are, and every field of every log line comes here
        shown = "".join(letter if letter.isprintable() else _escape(letter) for letter in shown)
    return shown if len(text) <= longest else f"{shown[:longest]}…"


def _escape(letter: str) -> str:
    escaped = letter.encode("unicode_escape").decode()
    return escaped if escaped != letter else f"\\x{ord(letter):02x}"
