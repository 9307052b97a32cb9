"""The recorded terminal as a picture."""

import re
from xml.etree import ElementTree as ET

from scripts.recording import Line, Span
from scripts.terminal_picture import PICTURE
from scripts.terminal_svg import Window, draw

LINES = (
    Line(0.1, (Span("$ linda-bot run"),)),
    Line(0.5, (Span("linked & <ready>", frozenset({32})),)),
    Line(0.6, (Span("█▀▄ █", frozenset({97, 40})),)),
    *(Line(float(at), (Span(f"line {at}"),)) for at in range(1, 9)),
)


def test_every_line_is_drawn_and_ends_where_it_is_seen() -> None:
    """Without any motion the last rows are in the window; words are words, half blocks are areas."""
    root = ET.fromstring(draw([Window("the bot", 40, 4, LINES)], prompt="$ ", title="a life"))
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    (moved,) = {each.get("transform") for each in root.iter() if "translate(0 -" in (each.get("transform") or "")}

    assert texts[:4] == ["the bot", "$", "linda-bot run", "linked & <ready>"]
    assert texts[-1] == "line 8"
    assert moved == f"translate(0 -{14 * (len(LINES) - 4)})"


def test_nothing_moves_for_who_wants_that() -> None:
    """And what is covered while it is typed is seen then."""
    picture = draw([Window("the bot", 40, 4, LINES)], prompt="$ ", title="a life")

    assert "@media (prefers-reduced-motion:reduce){*{animation:none!important}}" in picture
    assert ".cover{opacity:0}" in picture


def test_the_picture_in_the_documents_can_be_shown_anywhere() -> None:
    """It is small, asks no host for anything, and names no directory but one that a reader could have."""
    picture = PICTURE.read_text()

    assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
    assert len(picture) < 150_000
    assert set(re.findall(r"\w+://[^\"' ]*", picture)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\((?!#)|@import|<script|<image|<foreignObject", picture)
    assert set(
        re.findall(r"(?:/[\w.-]+){3,}", re.sub(r"https?://\S+|<style>.*?</style>", "", picture, flags=re.DOTALL))
    ) == {"/home/me/bot/play/bot"}
    for word in ("DEVICE LINKED", "Killed", "Existing session found.", "DEVICE REACTIVATED", "pong"):
        assert word in picture
