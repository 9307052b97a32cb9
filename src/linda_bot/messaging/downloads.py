"""Where a received file goes on this machine; a stranger's file name or id never says where."""

import re
import tempfile
from pathlib import Path

from linda_bot.kernel.errors import LindaError
from linda_bot.whatsapp.events import IncomingMessage

_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}
_PLAIN_ENDING = re.compile(r"\.[a-z0-9]{1,8}")
_UNPLAIN = re.compile(r"[^A-Za-z0-9]")
_LONGEST_ID = 40


class DownloadError(LindaError):
    """A message's file was not downloaded; the text says why."""


def place_for(message: IncomingMessage, to: Path | None) -> Path:
    """Return a path where no file is yet: `to` itself, in it when it is a directory, else in a new private directory.

    Raises DownloadError when there is a file already, or no room for one.
    """
    try:
        if to is None:
            return Path(tempfile.mkdtemp(prefix="linda-bot-")) / safe_name(message)
        if not to.is_dir():
            if to.exists() or to.is_symlink():
                raise DownloadError(f"{to} exists already and is not overwritten")
            return to
    except OSError as error:
        raise DownloadError(f"there is no place for the file: {error}") from error
    name = safe_name(message)
    stem, dot, ending = name.rpartition(".")
    numbered = (f"{stem}-{number}{dot}{ending}" for number in range(2, 10_000))
    for candidate in (name, *numbered):
        path = to / candidate
        if not path.exists() and not path.is_symlink():
            return path
    raise DownloadError(f"{to} has too many files that are called {name}")


def safe_name(message: IncomingMessage) -> str:
    """Return a name for a message's file: its kind, its id and an ending, of plain letters and digits."""
    identity = _UNPLAIN.sub("", message.id)[:_LONGEST_ID] or "file"
    return f"{message.kind}-{identity}{_ending(message)}"


def _ending(message: IncomingMessage) -> str:
    import mimetypes  # reads the system's tables, which only a file needs

    media = message.media
    mime = media.mime.partition(";")[0].strip().lower() if media else ""
    if mime in _ENDINGS:
        return _ENDINGS[mime]
    named = Path(media.file_name).suffix.lower() if media and message.kind == "document" else ""
    for ending in (named, mimetypes.guess_extension(mime) or ""):
        if _PLAIN_ENDING.fullmatch(ending):
            return ending
    return ".bin"
