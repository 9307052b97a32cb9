"""The picture of a QR code shows its modules, and a reader reads it."""

import re
from xml.etree import ElementTree as ET

import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from linda_bot.web.pages.qr_svg import QUIET, Modules, modules_of, svg_of

_SVG = "{http://www.w3.org/2000/svg}"
_SCALE = 4
_PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=300)


def drawn(svg: str) -> list[list[bool]]:
    """Return what a browser draws: the modules, with the margin."""
    root = ET.fromstring(str(svg).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"'))
    side = int(root.attrib["viewBox"].split()[2])
    (path,) = root.iter(f"{_SVG}path")
    found = [[False] * side for _ in range(side)]
    x = y = 0
    for letter, text in re.findall(r"([Mmh])([^Mmh]+)", path.attrib["d"]):
        figures = [float(each) for each in text.split()]
        if letter == "M":
            x, y = int(figures[0]), int(figures[1])
            assert figures[1] == y + 0.5
        elif letter == "m":
            x += int(figures[0])
        else:
            found[y][x : x + int(figures[0])] = [True] * int(figures[0])
            x += int(figures[0])
    assert all(len(row) == side for row in found)
    return found


def read(modules: Modules) -> str:
    """Return what a reader makes of a picture."""
    rows = [b"".join((b"\x00" if dark else b"\xff") * _SCALE for dark in row) * _SCALE for row in modules]
    side = len(modules) * _SCALE
    found = zxingcpp.read_barcode(memoryview(b"".join(rows)).cast("B", (side, side)))
    assert found is not None
    return str(found.text)


@given(
    st.integers(1, 40).flatmap(
        lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_each_module_is_where_it_belongs(modules: list[list[bool]]) -> None:
    """With the margin that readers look for, all around."""
    side = len(modules)
    found = drawn(svg_of(modules, label="x"))
    assert [row[QUIET : QUIET + side] for row in found[QUIET : QUIET + side]] == modules
    assert len(found) == side + 2 * QUIET
    assert sum(map(sum, found)) == sum(map(sum, modules))


@given(_PRINTABLE)
def test_a_reader_reads_the_text(text: str) -> None:
    """Whatever it is."""
    assert read(drawn(svg_of(modules_of(text), label="x"))) == text


def test_it_says_what_it_is_and_has_its_own_colours() -> None:
    """A page's dark mode must not turn it over; whatever the label says, it stays a label."""
    svg = svg_of(modules_of("2@" + "x" * 240), label='"><script>alert(1)</script>')
    root = ET.fromstring(svg)
    assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", '"><script>alert(1)</script>')
    assert [each.tag for each in root] == ["rect", "path"]
    assert (root[0].attrib["fill"], root[1].attrib["stroke"]) == ("#fff", "#000")
    assert "style" not in svg
    assert len(svg) < 12_000
