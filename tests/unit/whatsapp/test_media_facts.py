"""What is known of a file by looking into it."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from linda_bot.whatsapp.engine import media_facts
from linda_bot.whatsapp.engine.media_facts import guess_mime, is_animated, look_at, opus_seconds


def picture(form: str, size: tuple[int, int], mode: str = "RGB", **options: object) -> bytes:
    """Return a picture."""
    drawn = BytesIO()
    Image.new(mode, size).save(drawn, form, **options)
    return drawn.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "mime"),
    [
        (b"\xff\xd8\xff\xe0", "x.png", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "", "image/png"),
        (b"GIF89a", "", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "", "audio/wav"),
        (b"\x00\x00\x00\x18ftypisom", "a.mp4", "video/mp4"),
        (b"\x00\x00\x00\x18ftypisom", "a.m4a", "audio/mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "", "audio/mp4"),
        (b"\x00\x00\x00\x18ftypqt  ", "", "video/quicktime"),
        (b"\x00\x00\x00\x18ftypavif", "", "image/avif"),
        (b"OggS" + bytes(24) + b"OpusHead", "", "audio/ogg; codecs=opus"),
        (b"OggS" + bytes(24) + b"\x01vorbis", "", "audio/ogg"),
        (b"OggS" + bytes(24) + b"\x80theora", "", "video/ogg"),
        (b"\x1a\x45\xdf\xa3" + bytes(20) + b"webm", "", "video/webm"),
        (b"\x1a\x45\xdf\xa3" + bytes(20) + b"matroska", "", "video/x-matroska"),
        (b"ID3\x04", "", "audio/mpeg"),
        (b"\xff\xfb\x90", "", "audio/mpeg"),
        (b"\xff\xf1\x50", "", "audio/aac"),
        (b"#!AMR\n", "", "audio/amr"),
        (b"%PDF-1.7", "a.txt", "application/pdf"),
        (b"PK\x03\x04", "a.zip", "application/zip"),
        (b"PK\x03\x04", "a", "application/zip"),
        (b"\x1f\x8b", "a.tar.gz", "application/gzip"),
        (b"a,b\n1,2\n", "a.csv", "text/csv"),
        ("grüße".encode(), "noname", "text/plain"),
        (b"\x00\x01\x02", "noname", "application/octet-stream"),
        ("ä".encode()[:1], "noname", "text/plain"),
        (b"", "", "text/plain"),
    ],
)
def test_the_mime_type(data: bytes, name: str, mime: str) -> None:
    """By content; the name decides where the content leaves it open."""
    assert guess_mime(data, name) == mime


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_thumbnail(form: str) -> None:
    """A small JPEG of the same shape."""
    seen = look_at(picture(form, (800, 400)))

    assert (seen.width, seen.height) == (800, 400)
    small = Image.open(BytesIO(seen.thumbnail))
    assert (small.format, small.size) == ("JPEG", (100, 50))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "I;16"])
def test_a_thumbnail_of_every_kind_of_colours(mode: str) -> None:
    """What shines through is white."""
    small = Image.open(BytesIO(look_at(picture("PNG", (20, 10), mode)).thumbnail))

    assert small.size == (20, 10)
    assert mode not in {"RGBA", "LA"} or small.getpixel((5, 5)) == (255, 255, 255)


def test_a_picture_that_was_taken_with_the_camera_turned() -> None:
    """Is upright, as phones show it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = look_at(picture("JPEG", (800, 400), exif=exif))

    assert (seen.width, seen.height) == (400, 800)
    assert Image.open(BytesIO(seen.thumbnail)).size == (50, 100)


@pytest.mark.slow
def test_a_picture_that_is_large_when_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not unpacked; its size stands at the beginning."""
    monkeypatch.setattr(media_facts, "_MOST_PIXELS", 99)

    assert look_at(picture("PNG", (10, 10))) == (10, 10, b"")
    assert look_at(picture("PNG", (30_000, 30_000), "1"))[2] == b""


def test_a_picture_that_is_cut_off() -> None:
    """Has a size and no thumbnail."""
    whole = picture("PNG", (300, 200), "RGBA")

    assert look_at(whole[:60]) == (300, 200, b"")
    assert look_at(b"\xff\xd8\xff") == (0, 0, b"")


def test_whether_a_sticker_moves() -> None:
    """It says so in its head."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    drawn = BytesIO()
    frames[0].save(drawn, "WEBP", save_all=True, append_images=frames[1:])

    assert is_animated(drawn.getvalue())
    assert not is_animated(picture("WEBP", (8, 8)))
    assert not is_animated(b"RIFF\x00\x00\x00\x00WEBPVP8X")


def test_how_long_a_sound_is() -> None:
    """The last page has the number of samples, with those that are skipped."""
    head = b"OggS" + bytes(24) + b"OpusHead\x01\x01" + (312).to_bytes(2, "little")
    last = b"OggS\x00\x04" + (48_000 * 61 + 312).to_bytes(8, "little") + bytes(300)

    assert opus_seconds(head + bytes(500_000) + last) == 61
    assert opus_seconds(head) == 1
    assert opus_seconds(b"ID3" + head) == opus_seconds(b"") == 0


@given(
    st.binary(max_size=64), st.sampled_from([b"", b"OggS", b"RIFF", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
)
def test_whatever_a_stranger_sends(rest: bytes, head: bytes) -> None:
    """Nothing raises."""
    data = head + rest
    assert guess_mime(data, "x")
    assert look_at(data).thumbnail is not None
    assert opus_seconds(data) >= 0
    assert is_animated(data) in {True, False}
