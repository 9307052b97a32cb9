"""Death at any point: what is on the disk afterwards is the old or the new content, whole, and life goes on."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from linda_bot.kernel.files import clear_drafts
from linda_bot.sessions.aftercare import load_aftercare
from linda_bot.sessions.catalogue import all_backups, fault_of, reinstate, unreadable_backups
from linda_bot.sessions.device_status import load_status
from linda_bot.sessions.manifest import RETIRED
from linda_bot.sessions.opening import open_session
from linda_bot.sessions.paths import DEFAULT_ACCOUNT, SessionPaths
from linda_bot.sessions.quarantine import quarantines, set_aside
from linda_bot.sessions.recovery import Choice, recover
from linda_bot.sessions.rollback import RunMark, load_run_mark, save_run_mark
from linda_bot.sessions.validation import Verdict, validate
from linda_bot.sessions.vault import Vault, open_vault
from tests.support.kills import KEEP, KEY, SCENARIOS, clear, killer, live, restore, write_states
from tests.support.stores import back_up, copy_session, identity_of, killed, make_session, said, say, sessions_in

SEED = 42
DEATHS = {"write_states": 70, "make_backup": 40, "make_sealed_backup": 20, "restore": 50, "clear": 20, "live": 20}
TIMED = 10
"""How many more of each die wherever they are just then: also within SQLite."""
SESSIONS = 20


class Template(NamedTuple):
    """A session with three backups, whose engine was killed, and the same after each scenario."""

    place: Path
    calls: dict[str, int]
    """The points at which each scenario can die."""
    took_s: dict[str, float]

    @property
    def before(self) -> SessionPaths:
        return SessionPaths(self.place / "before", DEFAULT_ACCOUNT)

    def after(self, scenario: str) -> SessionPaths:
        return SessionPaths(self.place / scenario, DEFAULT_ACCOUNT)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Make the session, and have each scenario come to its end once."""
    made = Template(tmp_path_factory.mktemp("kills"), {}, {})
    paths = make_session(made.before.data_dir, sessions=SESSIONS)
    for name in ("one", "two", "three"):
        say(paths.store, name)
        back_up(paths)
    open_session(paths)
    with killed(paths, name="live"):
        pass
    with killer() as kill:
        for scenario in SCENARIOS:
            answer = kill(scenario, prepared(made, scenario, made.after(scenario).data_dir))
            made.calls[scenario], made.took_s[scenario] = answer.calls, answer.took_s
    return made


def prepared(template: Template, scenario: str, data_dir: Path) -> SessionPaths:
    """Return a session for a scenario to be played on."""
    paths = copy_session(template.before, data_dir)
    if scenario == "live":  # the machine went down meanwhile
        mark = load_run_mark(paths.run_mark)
        save_run_mark(paths.run_mark, RunMark(boot_id="another", running=True, generation=mark.generation))
    return paths


def deaths(template: Template, scenario: str) -> list[dict[str, object]]:
    """Choose where to die."""
    chance = Random(SEED)
    calls = template.calls[scenario]
    numbers = sorted(chance.sample(range(1, calls + 1), min(DEATHS[scenario], calls)))
    counted: list[dict[str, object]] = [{"at": number, "cut": chance.random() < 0.5} for number in numbers]
    return counted + [{"after_s": chance.uniform(0.0005, template.took_s[scenario])} for _ in range(TIMED)]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_death_at_any_point(template: Template, scenario: str, tmp_path: Path) -> None:
    """Nothing is half, nothing is lost, and the same can be done again."""
    with killer() as kill:
        for number, death in enumerate(deaths(template, scenario)):
            paths = prepared(template, scenario, tmp_path / str(number))
            answer = kill(scenario, paths, **death)
            assert answer.killed or "after_s" in death
            try:
                CHECKS[scenario](template, paths)
                check_recovery(paths)
            except BaseException as error:
                error.add_note(f"after {scenario} until {death}, in {paths.data_dir}")
                raise
            shutil.rmtree(paths.data_dir)


def check_states(template: Template, paths: SessionPaths) -> None:
    """Each state file is as before or as after, byte for byte."""
    names = state_files(template.before) | state_files(template.after("write_states"))
    assert len(names) >= 10
    for name in names:
        found, before, after = (
            content(each.data_dir / name) for each in (paths, template.before, template.after("write_states"))
        )
        assert found in (before, after), name
    assert load_status(paths.device_status)[0].restore_count in (0, 7)
    again(write_states, paths)
    for name in names - {paths.history.relative_to(paths.data_dir)}:  # that may have one entry more now
        assert content(paths.data_dir / name) == content(template.after("write_states").data_dir / name), name
    assert not list(paths.data_dir.glob(".session-state.json.*.new"))


def check_backups(scenario: str, _template: Template, paths: SessionPaths) -> None:
    """The newest good one is never lost, and what is not whole has no name; a later one clears that away."""
    numbers = [int(backup.name[-3:]) for backup in all_backups(paths)]
    assert numbers in ([3, 2, 1], [4, 3, 2, 1], [4, 3, 2], [4, 3])
    check_whole(paths)
    again(SCENARIOS[scenario], paths)
    assert len(all_backups(paths)) == KEEP
    assert not list(paths.cache.glob(".backup-*.new"))


def check_restore(template: Template, paths: SessionPaths) -> None:
    """Either store is in place, the old one with its log; the old one is kept wherever it is."""
    check_nothing_lost(template, paths)
    opening = open_session(paths)
    assert (opening.validation.verdict, opening.went_back) == (Verdict.RESTORABLE, "")
    check_content(paths)
    again(restore, paths)
    assert (said(paths.store), sessions_in(paths.store)) == ("three", 0)
    assert not list(paths.directory.glob("session.db.next*"))
    assert not open_session(paths).went_back


def check_clear(template: Template, paths: SessionPaths) -> None:
    """The store is not taken for whole without its log, which is kept too."""
    check_nothing_lost(template, paths)
    if open_session(paths).validation.verdict is Verdict.RESTORABLE:
        assert said(paths.store) == "live"
    again(clear, paths)
    assert validate(paths).verdict is Verdict.MISSING


def check_live(_template: Template, paths: SessionPaths) -> None:
    """A store that went back is treated, however often that is begun."""
    assert open_session(paths).validation.verdict is Verdict.RESTORABLE
    assert (said(paths.store), sessions_in(paths.store)) == ("live", 0)
    assert load_aftercare(paths.aftercare) is not None
    again(live, paths)
    assert not load_run_mark(paths.run_mark).running


CHECKS: dict[str, Callable[[Template, SessionPaths], None]] = {
    "write_states": check_states,
    "make_backup": partial(check_backups, "make_backup"),
    "make_sealed_backup": partial(check_backups, "make_sealed_backup"),
    "restore": check_restore,
    "clear": check_clear,
    "live": check_live,
}


def check_recovery(paths: SessionPaths) -> None:
    """A start brings the session back, also when the store is lost now."""
    check_whole(paths)
    if open_session(paths).validation.verdict is Verdict.RESTORABLE:
        set_aside(paths, "it is lost")
    reinstate(paths, all_backups(paths)[0].manifest.fingerprint)
    found = recover(paths, Vault([KEY]), Choice(), because="a test")
    assert found.backup is not None
    assert open_session(paths).validation.verdict is Verdict.RESTORABLE
    check_content(paths)
    assert not list(paths.directory.glob("session.db.next*"))


def check_whole(paths: SessionPaths) -> None:
    """What is called a backup is one."""
    assert unreadable_backups(paths) == []
    for backup in all_backups(paths):
        assert fault_of(backup) == ""
        if backup.manifest.sealed_with:
            plain = paths.data_dir / "plain.db"
            plain.write_bytes(Vault([KEY]).open(backup.copy.read_bytes()))
        else:
            plain = backup.copy
        assert identity_of(plain).fingerprint == backup.manifest.fingerprint


def check_content(paths: SessionPaths) -> None:
    """A store is what it was last with its sessions, or that of a backup without."""
    assert (said(paths.store), sessions_in(paths.store)) in (
        ("live", SESSIONS),
        ("live", 0),
        ("three", 0),
    )


def check_nothing_lost(template: Template, paths: SessionPaths) -> None:
    """The old store and its log are somewhere, as they were."""
    places = [paths.directory, *quarantines(paths)]
    for name in ("session.db", "session.db-wal"):
        old = (template.before.directory / name).read_bytes()
        assert old in [(place / name).read_bytes() for place in places if (place / name).exists()], name


def state_files(paths: SessionPaths) -> set[Path]:
    """Name the files that are written as a whole."""
    found = [
        paths.summary,
        paths.data_dir / "key",
        *paths.directory.glob("*.json"),
        *paths.cache.glob("backup-*/*.json"),
    ]
    return {path.relative_to(paths.data_dir) for path in found if path.exists()}


def content(path: Path) -> object:
    """Return what is in a file, but for what is another each time; None when there is none."""
    if not path.exists():
        return None
    if path.name == "key":
        return open_vault(path) is not None
    data = path.read_bytes()
    return {**json.loads(data), "at": ""} if path.name == RETIRED else data


def again(scenario: Callable[[SessionPaths], object], paths: SessionPaths) -> None:
    """Do it once more, as the next start does: without the drafts of the one before."""
    clear_drafts(paths.directory)
    scenario(paths)
    assert not list(paths.directory.glob(".*.new"))
