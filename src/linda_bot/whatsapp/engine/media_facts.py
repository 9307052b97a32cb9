"""What can be known of a file by looking into it: its MIME type, how large a picture and how long a sound is.

Everything here looks at strangers' files: nothing raises, and nothing is unpacked that is large.
"""

import codecs
from io import BytesIO
from typing import Any, NamedTuple

VOICE_MIME = "audio/ogg; codecs=opus"
"""What a voice message must be, to the letter."""

_UNKNOWN = "application/octet-stream"
_HEADS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"\x1f\x8b", "application/gzip"),
)
_RIFFS = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"qt": "video/quicktime",
    b"M4A": "audio/mp4",
    b"M4B": "audio/mp4",
    b"3gp": "video/3gpp",
    b"3g2": "video/3gpp2",
    b"hei": "image/heic",
    b"hev": "image/heic",
    b"mif": "image/heif",
    b"avi": "image/avif",
}
"""How the brand of an ISO base media file begins (ISO/IEC 14496-12, `ftyp`); everything else is MP4."""
_CONTAINERS = {"video/mp4": "audio/mp4", "video/webm": "audio/webm", "video/x-matroska": "audio/x-matroska"}
"""What looks like a video and may be a sound: the name decides."""
_MATROSKA, _MPEG_SYNC = b"\x1a\x45\xdf\xa3", b"\xff"
_MPEG_LAYERS = {
    **dict.fromkeys((b"\xfb", b"\xfa", b"\xf3", b"\xf2"), "audio/mpeg"),
    **dict.fromkeys((b"\xf1", b"\xf9"), "audio/aac"),
}

_THUMBNAIL = (100, 100)
_THUMBNAIL_QUALITY = 50
_MOST_PIXELS = 40_000_000
"""A picture with more is not unpacked: each pixel takes four bytes."""
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_WITH_CAMERA = ("JPEG", "WEBP")
_ORIENTATION, _LYING = 0x0112, range(5, 9)
"""The EXIF tag, and its values for pictures that are shown turned by a quarter."""

_PAGE, _OPUS_HEAD, _OPUS_RATE = b"OggS", b"OpusHead", 48_000
_CODECS = ((_OPUS_HEAD, VOICE_MIME), (b"theora", "video/ogg"))
_LAST_PAGES = 256 * 1024
_WEBP_EXTENDED, _WEBP_FLAGS, _WEBP_ANIMATED = b"VP8X", 20, 0x02


class Picture(NamedTuple):
    """How large a picture is, as it is shown, and a small JPEG of it; nothing where that cannot be known."""

    width: int = 0
    height: int = 0
    thumbnail: bytes = b""


def guess_mime(data: bytes, name: str) -> str:
    """Return a file's MIME type, by its content, or else by its name."""
    found = _sniffed(data)
    if found and found not in _CONTAINERS:
        return found
    # Here, so that a text bot does not pay for it: it reads the system's tables.
    import mimetypes

    by_name, encoding = mimetypes.guess_type(name)
    if found:
        return _CONTAINERS[found] if by_name and by_name.startswith("audio/") else found
    if by_name and not encoding:
        return by_name
    if data.startswith(b"PK\x03\x04"):
        return "application/zip"
    return "text/plain" if _is_text(data) else _UNKNOWN


def _sniffed(data: bytes) -> str:
    """Return the MIME type of the common formats by how they begin; nothing for others."""
    start, brand, second = data[:256], data[8:12], data[1:2]
    found = next((mime for head, mime in _HEADS if start.startswith(head)), "")
    if start.startswith(b"RIFF"):
        found = _RIFFS.get(brand, "")
    elif start[4:8] == b"ftyp":
        found = next((mime for known, mime in _BRANDS.items() if brand.startswith(known)), "video/mp4")
    elif start.startswith(_PAGE):
        found = next((mime for codec, mime in _CODECS if codec in start), "audio/ogg")
    elif start.startswith(_MATROSKA):
        found = "video/webm" if b"webm" in start else "video/x-matroska"
    elif not found and start.startswith(_MPEG_SYNC):
        found = _MPEG_LAYERS.get(second, "")
    return found


def _is_text(data: bytes) -> bool:
    start = data[:4096]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return b"\x00" not in start


def look_at(data: bytes, *, thumbnail: bool = True) -> Picture:
    """Return what a picture is like; one that cannot be read, or is too large to be unpacked, has no thumbnail."""
    try:
        return _look_at(data, thumbnail=thumbnail)
    except Exception:  # noqa: BLE001 (Pillow raises whatever a file makes it raise; a message can do without)
        return Picture()


def _look_at(data: bytes, *, thumbnail: bool) -> Picture:
    # Pillow takes long to import, and its first use here must come after the library's stand-ins for it.
    from linda_bot.whatsapp.engine.late_imports import real_module

    pillow: Any = real_module("PIL.Image")
    with pillow.open(BytesIO(data), formats=_FORMATS) as picture:
        width, height = picture.size
        # Only there: of a PNG, Pillow unpacks everything to answer this.
        lies = picture.format in _WITH_CAMERA and picture.getexif().get(_ORIENTATION) in _LYING
        shown = (height, width) if lies else (width, height)
        if not thumbnail or width * height > _MOST_PIXELS:
            return Picture(*shown)
        try:
            return Picture(*shown, _thumbnail(picture))
        except Exception:  # noqa: BLE001 (a picture that is cut off still has a size)
            return Picture(*shown)


def _thumbnail(picture: Any) -> bytes:
    import PIL.ImageOps  # after Pillow's real module was imported

    picture.draft("RGB", _THUMBNAIL)  # a JPEG is then unpacked at an eighth of its size
    picture.thumbnail(_THUMBNAIL)
    upright = PIL.ImageOps.exif_transpose(picture)
    coloured = upright.convert("RGBA") if upright.mode in {"P", "PA", "LA"} else upright
    if coloured.mode == "RGBA":
        ground = coloured.copy()
        ground.paste((255, 255, 255, 255), (0, 0, *coloured.size))
        ground.alpha_composite(coloured)
        coloured = ground
    drawn = BytesIO()
    coloured.convert("RGB").save(drawn, "JPEG", quality=_THUMBNAIL_QUALITY)
    return drawn.getvalue()


def is_animated(data: bytes) -> bool:
    """Return whether a WebP picture moves (RFC 9649, 2.7)."""
    return data[12:16] == _WEBP_EXTENDED and len(data) > _WEBP_FLAGS and bool(data[_WEBP_FLAGS] & _WEBP_ANIMATED)


def opus_seconds(data: bytes) -> int:
    """Return how long an Opus sound in an Ogg file is, at least one second; 0 for anything else.

    The last page has the number of samples so far, at 48 kHz (RFC 7845, 4).
    """
    head, last = data.find(_OPUS_HEAD, 0, 256), data.rfind(_PAGE, max(0, len(data) - _LAST_PAGES))
    if not data.startswith(_PAGE) or head < 0 or last < 0:
        return 0
    skipped = int.from_bytes(data[head + 10 : head + 12], "little")
    samples = int.from_bytes(data[last + 6 : last + 14], "little", signed=True) - skipped
    return max(1, round(samples / _OPUS_RATE))
