"""`linda-bot accounts`: what counts from the next start on where no bot runs, and the codes of one that does."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from linda_bot.app.answers import AccountView
from linda_bot.app.pairing import Linking, PairingCode, PairingView, QrCode, Stage
from linda_bot.cli.accounts_link import link_account
from linda_bot.cli.ahead import EngineChoice
from linda_bot.cli.control_client import BotRefusedError
from linda_bot.cli.house_client import RunningHouse, account_meant
from linda_bot.cli.main import run_command
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.files import make_private_dir
from linda_bot.sessions.lock import Lockable, SessionLock
from linda_bot.sessions.paths import HousePaths, SessionPaths
from linda_bot.sessions.roll import Roll, Standing

SHOP, CLUB, BRANCH = "971505760056", "971505760057", "4915112340057"
NOTHING_AHEAD = EngineChoice((), {}, None)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no settings of ours count."""
    for name in list(os.environ):
        if name.upper().startswith("LINDA_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def accounts(*words: str) -> int:
    """Run `linda-bot accounts` and return its exit code."""
    return run_command(["accounts", *words], NOTHING_AHEAD, 0.0)


def standings(place: Path) -> dict[str, Standing]:
    """Return what is remembered."""
    return Roll(HousePaths(place)).read()


@contextmanager
def held(paths: Lockable, *, listening: bool = True) -> Iterator[None]:
    """Hold what a process holds that runs."""
    make_private_dir(paths.lock.parent)
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    lock = SessionLock(descriptor)
    if listening:
        lock.mark_listening()
    yield
    lock.release()


def test_a_life_without_a_bot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Added, paused, resumed and removed; each says that it counts from the next start on."""
    for words in (("add", f"+{SHOP}"), ("add", CLUB), ("pause", "0056"), ("remove", CLUB, "--yes")):
        assert accounts(*words) == ExitCode.OK
        assert "from the next start on" in capsys.readouterr().err
    assert standings(tmp_path) == {SHOP: Standing.PAUSED, CLUB: Standing.REMOVED}

    assert accounts("list", "--json", "--show-numbers") == ExitCode.OK
    shown = capsys.readouterr()
    (only,) = json.loads(shown.out)["accounts"]
    assert (only["account"], only["phase"]) == (SHOP, "paused")
    assert "No bot runs here" in shown.err
    assert accounts("list") == ExitCode.OK
    assert SHOP not in capsys.readouterr().out
    assert accounts("resume", SHOP) == ExitCode.OK
    assert standings(tmp_path)[SHOP] is Standing.ACTIVE


def test_where_files_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who removes an account wants to know."""
    accounts("add", CLUB)
    accounts("remove", CLUB, "--yes")
    said = capsys.readouterr().err
    assert f"Its session stays in {tmp_path}/sessions/session-{CLUB}, its messages in {tmp_path}/messages" in said


def test_the_account_that_there_was_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else the first account that is added would end the one that is linked."""
    store = SessionPaths(tmp_path, "default").store
    make_private_dir(store.parent)
    store.touch()
    accounts("add", SHOP)
    assert standings(tmp_path) == {"default": Standing.ACTIVE, SHOP: Standing.ACTIVE}
    assert "default, goes on beside it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "12"), "international format"),
        (("add", SHOP), "97150*****56 is there already"),
        (("pause", "99999"), "there is no account 99999; there are: 97150*****56"),
        (("remove", SHOP, "--yes"), "is named in the settings"),
        (("link", SHOP), "no bot runs here"),
        (("remove", CLUB), "there is no account"),
    ],
)
def test_what_is_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], why: str
) -> None:
    """And nothing is changed."""
    monkeypatch.setenv("LINDA_ACCOUNTS", SHOP)
    assert accounts(*words) in {ExitCode.USAGE, ExitCode.UNWELL}
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1


def test_a_bot_with_one_account_is_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It could not take in another one."""
    with held(SessionPaths(tmp_path, "default")):
        assert accounts("add", SHOP) == ExitCode.UNWELL
    assert "the running bot has one account (default, pid" in capsys.readouterr().err
    assert not standings(tmp_path)


def test_nothing_is_changed_under_a_bot_that_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has read the list already, or not yet: nobody knows."""
    with held(HousePaths(tmp_path), listening=False):
        assert accounts("add", SHOP) == ExitCode.UNWELL
    assert "starts or stops just now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (SHOP, SHOP),
        ("+971 50 576 0056", SHOP),
        ("056", SHOP),
        ("...056", SHOP),
        ("default", "default"),
        ("60057", CLUB),
    ],
)
def test_an_account_is_named_by_its_number_or_its_end(said: str, meant: str) -> None:
    """In any way in which people write numbers."""
    assert account_meant(said, [SHOP, CLUB, BRANCH, "default"]) == meant


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("057", "057 may be 97150\\*\\*\\*\\*\\*57 or 49151\\*\\*\\*\\*\\*\\*57: type more"),
        ("56", "there is no account 56"),
        ("shop056", "there is no account"),
        ("", "there is no account"),
    ],
)
def test_what_may_mean_two_accounts_is_refused(said: str, why: str) -> None:
    """So does what is too short, and what is no number."""
    with pytest.raises(UsageError, match=why):
        account_meant(said, [SHOP, CLUB, BRANCH])


class LinkingHouse:
    """A process in which linking goes as a test says, look by look."""

    def __init__(self, *looks: Linking) -> None:
        self._looks = list(looks)
        self.asked: list[str] = []

    def change(self, method: str, what: str) -> AccountView:
        self.asked.append(f"{method} {what}")
        return AccountView(id="a", account=SHOP, phase="waiting")

    def pairing(self, _account: str) -> Linking:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def pair(self, _account: str, number: str) -> Linking:
        code = PairingCode(number=number, code="ABCD-EFGH", left_s=160)
        return _looked(stage=Stage.CODE, pairing_code=code)


def _looked(**facts: object) -> Linking:
    return Linking(phase="running", pairing=PairingView(**facts))  # type: ignore[arg-type]


def show(house: LinkingHouse, number: str | None = None, *, as_json: bool = False) -> int:
    """Link an account and return the exit code."""
    return link_account(cast("RunningHouse", house), SHOP, number, as_json=as_json, show_numbers=False)


def test_codes_are_drawn_as_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    """Each once, until the account is linked."""
    first, second = (_looked(stage=Stage.CODE, qr=QrCode(text=f"2@{n}", left_s=20)) for n in (1, 2))
    looks = (Linking(phase="waiting"), _looked(stage=Stage.ASKING, why="there is no session yet"))
    house = LinkingHouse(*looks, first, first, second, _looked(stage=Stage.ACCEPTED), _looked(stage=Stage.LINKED))
    assert show(house) == ExitCode.OK
    said = capsys.readouterr().err
    assert house.asked == [f"POST accounts/{SHOP}/link"]
    assert [said.count(f"Code {number}, valid for 20 s.") for number in (1, 2)] == [1, 1]
    assert said.endswith("97150*****56 is linked.\n")
    assert "2@" not in said


def test_a_code_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked for as soon as it can be, and shown once."""
    asking = _looked(stage=Stage.CODE, qr=QrCode(text="2@1", left_s=20))
    assert show(LinkingHouse(asking, asking, _looked(stage=Stage.LINKED)), SHOP) == ExitCode.OK
    assert capsys.readouterr().err.count("ABCD-EFGH") == 1


def test_an_account_that_is_linked_already(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is shown."""
    assert show(LinkingHouse(_looked(stage=Stage.LINKED))) == ExitCode.OK
    assert capsys.readouterr().err == "97150*****56 is linked already.\n"


def test_linking_that_comes_to_nothing() -> None:
    """The reason is told."""
    over = Linking(phase="failed", why="another linux-bot holds it")
    with pytest.raises(BotRefusedError, match="was not linked; it is failed: another"):
        show(LinkingHouse(_looked(stage=Stage.ASKING), over))


def test_the_first_code_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """For programs that show it themselves."""
    code = _looked(stage=Stage.CODE, qr=QrCode(text="2@1", left_s=20))
    assert show(LinkingHouse(_looked(stage=Stage.ASKING), code), as_json=True) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["pairing"]["qr"]["text"] == "2@1"
