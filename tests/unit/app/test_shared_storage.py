"""What one life may do with an account in a database, and what it may not any more when another one has begun."""

import asyncio
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from linda_bot.app import shared_storage
from linda_bot.app.job import Job
from linda_bot.app.shared_storage import LeaseEndedError, SharedStorage
from linda_bot.database.connecting import Database
from linda_bot.sessions.book import SessionBook
from linda_bot.settings import Settings
from linda_bot.whatsapp.port import LinkRequest

ACCOUNT = "971505760056"


class FakeLease:
    """A lease that a test gives and takes."""

    def __init__(self) -> None:
        self.number: int | None = 7
        self.left_s = 9.5
        self.told: list[str] = []

    def fence(self, _account: str) -> int | None:
        return self.number

    def right_s(self, _account: str) -> float:
        return self.left_s

    def lost(self, _account: str, because: str) -> None:
        self.told.append(because)


@pytest.fixture
def lease() -> FakeLease:
    """Return the right by which the account is here."""
    return FakeLease()


@pytest.fixture
def storage(tmp_path: Path, lease: FakeLease) -> SharedStorage:
    """Return an account's storage; no database is behind it."""
    settings = Settings.model_validate({"data_dir": tmp_path, "account": ACCOUNT})
    job = Job(settings=settings, engine_command=(), engine_environment={}, engine=None)
    return SharedStorage(job, Database("postgresql://linda:secret@127.0.0.1:9/none"), lease)


class FakeMirror:
    """Notes what it is asked for."""

    flushed: list[float]

    def __init__(self, *_: Any, on_fenced: Any, **__: Any) -> None:
        type(self).flushed = []
        self.on_fenced = on_fenced

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def flush(self, *, within_s: float) -> bool:
        self.flushed.append(within_s)
        return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no database, and a mirror that only notes."""
    for name in ("refuse_if_elsewhere", "bring_account_up_to_date", "pull"):
        monkeypatch.setattr(shared_storage, name, lambda *_: None)
    monkeypatch.setattr(shared_storage, "Mirror", FakeMirror)


def completed(storage: SharedStorage, tmp_path: Path) -> LinkRequest:
    """Return a request as an engine gets it."""
    storage.session(cast("SessionBook", None), None)
    return storage.complete(LinkRequest(store=tmp_path / "store"))


def test_without_a_lease_there_is_nothing(tmp_path: Path, lease: FakeLease) -> None:
    """It cannot even be described."""
    lease.number = None
    with pytest.raises(LeaseEndedError, match="another host has the account"):
        SharedStorage(
            Job(Settings.model_validate({"data_dir": tmp_path, "account": ACCOUNT}), (), {}, None),
            Database("postgresql://linda@127.0.0.1:9/none"),
            lease,
        )


def test_each_engine_gets_the_time_that_is_left_then(storage: SharedStorage, lease: FakeLease, tmp_path: Path) -> None:
    """Also one that follows another in the same life; all by the life's own number."""
    assert completed(storage, tmp_path).right_s == 9.5
    lease.left_s = 3.25
    request = completed(storage, tmp_path)
    assert request.right_s == 3.25
    assert "linda_bot.fence%3D7" in request.source
    assert '"fence":7' in request.mail.replace(" ", "")


@pytest.mark.parametrize(("number", "left_s"), [(None, 9.5), (8, 9.5), (7, 0.0)])
def test_no_engine_without_the_lease_of_this_life(
    storage: SharedStorage, lease: FakeLease, tmp_path: Path, number: int | None, left_s: float
) -> None:
    """Neither without any, nor with a newer one, which is the next life's, nor without time."""
    lease.number, lease.left_s = number, left_s
    with pytest.raises(LeaseEndedError):
        completed(storage, tmp_path)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("number", "within_s"), [(7, 4.0), (8, 0.0), (None, 0.0)])
async def test_only_the_owner_of_the_lease_waits_for_its_files(
    storage: SharedStorage, lease: FakeLease, number: int | None, within_s: float
) -> None:
    """What another life has begun with is not this one's to write."""
    async with storage.opened():
        lease.number = number
    assert FakeMirror.flushed == [within_s]


async def test_what_an_old_life_hears_is_not_about_the_new_one(
    storage: SharedStorage, lease: FakeLease, quick: None
) -> None:
    """A connection that is fenced off speaks of the lease that it had."""
    async with storage.opened():
        storage._passed_on()
        assert len(lease.told) == 1
        lease.number = 8
        storage._passed_on()
        assert len(lease.told) == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("slow", ["refuse_if_elsewhere", "bring_account_up_to_date", "pull"])
async def test_a_life_that_is_cancelled_while_it_begins_waits_for_its_threads(
    storage: SharedStorage, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """Else they would lay files down where the next life, which has the lock by then, has its own."""
    begun, go_on, is_over = threading.Event(), threading.Event(), threading.Event()

    def work(*_: object) -> None:
        begun.set()
        go_on.wait(10)
        is_over.set()

    monkeypatch.setattr(shared_storage, slow, work)

    async def live() -> None:
        async with storage.opened():
            raise AssertionError

    living = asyncio.ensure_future(live())
    assert await asyncio.to_thread(begun.wait, 10)
    living.cancel()
    await asyncio.wait({living}, timeout=0.2)
    assert not living.done()
    go_on.set()
    await asyncio.wait({living}, timeout=5)
    assert living.cancelled()
    assert is_over.is_set()
