"""The socket of the web page."""

import socket

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.settings.values import HttpAddress
from linda_bot.web.tcp import bind, reachable


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_listens_and_tells_where(host: str) -> None:
    """Port 0 is any free one."""
    with bind(HttpAddress(host, 0)) as listener:
        assert reachable(listener).is_loopback
        with socket.create_connection(listener.getsockname()[:2], timeout=5):
            pass


def test_an_address_that_is_taken_is_refused_with_advice() -> None:
    """It is the second bot of a person who has forgotten the first."""
    with bind(HttpAddress("127.0.0.1", 0)) as first, pytest.raises(UsageError) as refused:
        bind(reachable(first))
    assert "something listens there already; choose another address with --http" in str(refused.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    """Whatever the system's words for it."""
    with pytest.raises(UsageError, match="cannot be served on"):
        bind(HttpAddress(host, 1))


def test_an_address_can_be_bound_again_at_once() -> None:
    """Although a connection of the bot before is not forgotten by the system yet."""
    with bind(HttpAddress("127.0.0.1", 0)) as listener:
        place = reachable(listener)
        with socket.create_connection((place.host, place.port), timeout=5) as client:
            listener.setblocking(True)  # noqa: FBT003 (its own signature)
            served, _ = listener.accept()
            served.close()
            client.recv(1)
    bind(place).close()


def test_a_socket_that_listens_everywhere_is_reached_by_an_address_that_people_can_type() -> None:
    """Nobody can open http://0.0.0.0 from elsewhere; a machine without a network has no better one."""
    with bind(HttpAddress("0.0.0.0", 0)) as listener:
        address = reachable(listener)
        with socket.create_connection((address.host, address.port), timeout=5):
            pass
