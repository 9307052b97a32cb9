"""What the server remembers."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox.keys import KEY_TYPE, verifies
from linda_bot.sandbox.registry import Device, Registry

ANN, BOB = "4915112345678", "15550001111"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """An empty one."""
    opened = Registry(tmp_path / "server.db")
    yield opened
    opened.close()


def device(number: str, device_id: int) -> Device:
    """Return a device with keys that are no keys."""
    return Device(number, device_id, b"identity", b"regi", b"sid", b"skey", b"sig")


def test_all_of_it_survives_a_restart(tmp_path: Path) -> None:
    """Accounts, devices, keys and what waits; the file is private."""
    path = tmp_path / "server.db"
    first = Registry(path)
    root, account = first.secret("root"), first.open_account(ANN, "Ann")
    number = first.next_device(ANN)
    first.add_device(device(ANN, number), b"noise")
    first.add_prekeys(ANN, number, [(b"\x00\x00\x01", b"one"), (b"\x00\x00\x02", b"two")])
    first.enqueue(ANN, number, "message", "M1", b"body")
    first.accept("bob", "M1")
    first.close()

    second = Registry(path)
    assert second.secret("root") == root
    assert second.open_account(ANN, "another name") == account
    assert second.device_by_noise(b"noise") == (ANN, number)
    assert second.device(account, number) == device(ANN, number)
    assert second.count_prekeys(ANN, number) == 2
    assert [stanza.body for stanza in second.waiting(ANN, number)] == [b"body"]
    assert second.accept("bob", "M1") is False
    assert second.pairings(ANN) == 1
    second.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_accounts_are_found_by_number_and_by_lid(registry: Registry) -> None:
    """Both lead to the same person; numbers have LIDs of their own."""
    ann, bob = registry.open_account(ANN), registry.open_account(BOB)

    assert registry.account(ann.lid) == registry.account(ANN) == ann
    assert ann.lid != bob.lid
    assert registry.account("nobody") is None


@pytest.mark.parametrize("number", ["", "12", "+4915112345678", "../../etc", "4915112345678x", "1" * 16, "٤٩١٥١١٢٣٤"])
def test_what_is_no_number_is_refused(registry: Registry, number: str) -> None:
    """Numbers name directories."""
    with pytest.raises(UsageError, match="is no phone number"):
        registry.open_account(number)


def test_a_one_time_key_is_handed_out_once(registry: Registry) -> None:
    """In order, until there are none."""
    registry.add_prekeys(ANN, 1, [(b"\x00\x00\x02", b"two"), (b"\x00\x00\x01", b"one")])

    taken = [registry.take_prekey(ANN, 1) for _ in range(3)]

    assert taken == [(b"\x00\x00\x01", b"one"), (b"\x00\x00\x02", b"two"), None]


def test_the_phone_is_device_zero_with_keys_that_are_signed(registry: Registry) -> None:
    """Clients check the signature before they write to it."""
    account = registry.open_account(ANN)
    phone = registry.device(account, 0)

    assert phone is not None
    assert phone.identity == account.identity.public
    assert verifies(phone.identity, KEY_TYPE + phone.signed_key, phone.signed_signature)
    assert registry.device_ids(ANN) == [0]


def test_what_waits_is_kept_in_order_until_confirmed(registry: Registry) -> None:
    """A confirmation hits one stanza, and says whether it hit."""
    for stanza_id in ("M1", "M2"):
        registry.enqueue(ANN, 1, "message", stanza_id, stanza_id.encode())
    registry.enqueue(ANN, 2, "message", "M1", b"the same for another device")

    assert registry.confirm(ANN, 1, "receipt", "M1") is False
    assert registry.confirm(ANN, 1, "message", "M1") is True
    assert [stanza.body for stanza in registry.waiting(ANN, 1)] == [b"M2"]
    assert len(registry.waiting(ANN, 2)) == 1


def test_a_removed_device_leaves_nothing(registry: Registry) -> None:
    """Keys and what waited go with it; its id is not used again."""
    registry.open_account(ANN)
    first = registry.next_device(ANN)
    registry.add_device(device(ANN, first), b"noise")
    registry.add_prekeys(ANN, first, [(b"\x00\x00\x01", b"one")])
    registry.enqueue(ANN, first, "message", "M1", b"")
    registry.remove_device(ANN, first)

    assert registry.device_by_noise(b"noise") is None
    assert registry.count_prekeys(ANN, first) == 0
    assert registry.waiting(ANN, first) == []
    assert registry.next_device(ANN) == first + 1


def test_a_client_that_is_linked_again_is_one_device(registry: Registry) -> None:
    """Its Noise key is its credential."""
    registry.open_account(ANN)
    registry.add_device(device(ANN, 1), b"noise")
    registry.add_device(device(ANN, 2), b"noise")

    assert registry.device_by_noise(b"noise") == (ANN, 2)
    assert registry.device_ids(ANN) == [0, 2]
