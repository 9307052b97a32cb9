"""What a person reads of the web page: where it is, and the links with which somebody else can link the bot."""

import io

import pytest

from linda_bot.cli.console import Console
from linda_bot.cli.run import _codes_only
from linda_bot.kernel.events import Event
from linda_bot.web.events import LinkOffered, PageOpened
from linda_bot.whatsapp.events import QrIssued

NEAR = LinkOffered(url="http://127.0.0.1:8080/link?once=t1cket", valid_s=900)


def told(*events: Event, codes_only: bool = False) -> str:
    """Return what is printed of some events."""
    stream = io.StringIO()
    console = Console(stream)
    show = _codes_only(console) if codes_only else console.show
    for event in events:
        show(event)
    return stream.getvalue()


def test_where_the_page_is() -> None:
    """One line, which tests and scripts look for."""
    assert told(PageOpened(address="http://127.0.0.1:8080/")) == "Web page: http://127.0.0.1:8080/\n"


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://127.0.0.1:8080/link?once=a", "on this machine"),
        ("http://[::1]:8080/link?once=a", "on this machine"),
        ("http://localhost:8080/link?once=a", "on this machine"),
        ("http://192.0.2.7:8080/link?once=a", "also on another machine"),
        ("https://bots.example.org/linda/link?once=a", "also on another machine"),
    ],
)
def test_a_link_is_printed_on_a_line_of_its_own(url: str, where: str) -> None:
    """So that it can be copied; and nobody is promised that it works where it cannot."""
    offer = LinkOffered(url=url, valid_s=900)
    assert told(offer).splitlines() == [f"  Or in a browser, {where} (once, within 15 min):", f"  {url}"]


def test_with_a_json_log_links_are_printed_and_the_rest_is_the_logs() -> None:
    """Like codes: the log does not have them."""
    text = told(NEAR, PageOpened(address="http://127.0.0.1:8080/"), codes_only=True)
    assert NEAR.url in text
    assert "Web page" not in text


def test_a_link_is_not_lost_between_codes() -> None:
    """The next code is drawn below it."""
    text = told(QrIssued(code="2@x", number=1, valid_s=60), NEAR, QrIssued(code="2@y", number=2, valid_s=20))
    assert f"\n  {NEAR.url}\n" in text
