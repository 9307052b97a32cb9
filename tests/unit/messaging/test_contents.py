"""From what an author writes to what is sent, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linda_bot import UsageError
from linda_bot.messaging import contents
from linda_bot.messaging.identities import jid_of
from linda_bot.whatsapp.content import Target
from tests.support.fake_scene import FRIEND, FRIENDS_LID, incoming

TARGET = Target(id="A1", chat=FRIEND)


@pytest.mark.parametrize(
    "build",
    [
        lambda: contents.text(""),
        lambda: contents.text(" \n"),
        lambda: contents.text("x" * 65_537),
        lambda: contents.text("half of an emoji: \ud83d"),
        lambda: contents.text(None),  # type: ignore[arg-type]
        lambda: contents.text("hello", mentions=["4915112345678"]),
        lambda: contents.text("hello @you", mentions=["you"]),
        lambda: contents.file("picture", b"x"),
        lambda: contents.file("image", b""),
        lambda: contents.file("image", ""),
        lambda: contents.file("image", None),  # type: ignore[arg-type]
        lambda: contents.file("image", "https://example.org/cat.jpg"),
        lambda: contents.file("voice", b"x", caption="listen"),
        lambda: contents.file("document", b"x", file_name="../passwd"),
        lambda: contents.file("document", b"x", file_name="a\nb"),
        lambda: contents.location(90.1, 0),
        lambda: contents.location(0, -180.1),
        lambda: contents.location(float("nan"), 0),
        lambda: contents.location("1", 0),  # type: ignore[arg-type]
        lambda: contents.contact("", "4915112345678"),
        lambda: contents.contact("Ann", "soon"),
        lambda: contents.contact("Ann", FRIENDS_LID),
        lambda: contents.poll("", ["a", "b"]),
        lambda: contents.poll("?", ["a"]),
        lambda: contents.poll("?", "ab"),
        lambda: contents.poll("?", [f"{number}" for number in range(13)]),
        lambda: contents.poll("?", ["a", "a"]),
        lambda: contents.poll("?", ["a", ""]),
        lambda: contents.poll("?", ["a", "b"], choices=3),
        lambda: contents.poll("?", ["a", "b"], choices=-1),
        lambda: contents.reaction(TARGET, "ok"),
        lambda: contents.reaction(TARGET, "👍" * 33),
        lambda: contents.edit(TARGET, ""),
        lambda: contents.reaction_target(incoming(kind="reaction")),
    ],
)
def test_what_cannot_be_sent_is_refused_in_one_line(build: Any) -> None:
    """Before it is on its way."""
    with pytest.raises(UsageError) as caught:
        build()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@given(st.text(min_size=1, max_size=200))
def test_a_text_is_sent_as_it_is_or_refused(text: str) -> None:
    """Nothing is cut or mended."""
    try:
        content = contents.text(text)
    except UsageError:
        assert not text.strip() or not text.isprintable()
    else:
        assert content.text == text


def test_the_longest_text() -> None:
    """Counts in characters."""
    assert len(contents.text("é" * 65_536).text) == 65_536


def test_a_mention_is_a_number_or_a_jid() -> None:
    """As a person writes a number."""
    content = contents.text("hello @4915112345678 and @99887766554433", mentions=["+49 151 1234-5678", FRIENDS_LID])

    assert content.mentions == (FRIEND, FRIENDS_LID)


def test_one_mention_needs_no_list() -> None:
    """A text is not taken to be a list of letters."""
    assert contents.text("hello @4915112345678", mentions="4915112345678").mentions == (FRIEND,)


def test_a_file_by_its_path(tmp_path: Path) -> None:
    """A document is called what it is called on the disk, unless told otherwise."""
    path = tmp_path / "prices.pdf"

    assert contents.file("document", path)[0].file_name == "prices.pdf"
    assert contents.file("document", str(path), file_name="new.pdf")[0].file_name == "new.pdf"
    assert contents.file("image", path)[0].file_name == ""
    assert contents.file("image", path) == (contents.file("image", path)[0], path)


def test_a_relative_path_is_made_absolute(tmp_path: Path) -> None:
    """Who sends it may work in another directory."""
    described, source = contents.file("image", "cat.jpg")

    assert source == tmp_path / "cat.jpg"
    assert described.path == str(source)


def test_a_file_as_bytes() -> None:
    """A document without a name gets one."""
    described, source = contents.file("document", b"hello", caption="look")

    assert (described.file_name, described.path, described.caption, source) == ("document", "", "look", b"hello")
    assert contents.file("sticker", bytearray(b"hello"))[1] == b"hello"  # type: ignore[arg-type]


def test_a_contact_is_a_vcard() -> None:
    """Made from a number; a name cannot add lines to it."""
    card = contents.contact("Ann;\nTEL:1", "+49 151 12345678").card

    assert card.vcard.splitlines() == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        r"FN:Ann\;\nTEL:1",
        "TEL;type=CELL;waid=4915112345678:+4915112345678",
        "END:VCARD",
    ]
    assert contents.contact("Ann", card.vcard).card.vcard == card.vcard


def test_a_poll_and_a_place() -> None:
    """As given."""
    assert contents.poll("Tea?", ("yes", "no"), 0).poll.options == ("yes", "no")
    place = contents.location(-90, 180, "South Pole").place
    assert (place.latitude, place.longitude, place.name) == (-90.0, 180.0, "South Pole")


def test_a_reaction_can_be_taken_back() -> None:
    """With an empty text; digits in a box are emojis too."""
    assert contents.reaction(TARGET, "").emoji == ""
    assert contents.reaction(TARGET, "1️⃣").emoji == "1️⃣"


def test_what_an_answer_quotes() -> None:
    """Ours has no sender; what is no message of its own cannot be quoted."""
    assert contents.quotation(incoming("hi", raw=b"raw")) == Target(id="A1", chat=FRIEND, sender=FRIEND, raw=b"raw")
    assert contents.quotation(incoming("hi", kind="reaction")) is None
    own = contents.quotation(incoming("hi", from_me=True))
    assert own is not None
    assert own.ours


def test_an_edit_is_reacted_to_where_it_shows() -> None:
    """At the message that was edited."""
    assert contents.reaction_target(incoming("hi", kind="edit", target="A0")).id == "A0"


@pytest.mark.parametrize("who", ["4915112345678", "+49 (151) 1234-5678", FRIEND])
def test_a_number_becomes_a_jid(who: str) -> None:
    """However it is written."""
    assert jid_of(who) == FRIEND


@pytest.mark.parametrize("who", ["", "1234", "ann", "ann@", "@lid", "1 2@lid", "1@LID", "1@lid\n", None, 4915112345678])
def test_what_is_no_identity(who: Any) -> None:
    """Said in one line."""
    with pytest.raises(UsageError, match="phone number"):
        jid_of(who)
