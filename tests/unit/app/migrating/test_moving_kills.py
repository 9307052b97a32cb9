"""Death at any point of a move: the account is whole in one place, the other refuses, and the next move finishes."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from linda_bot.app.migrating.moving import Move
from linda_bot.app.migrating.records import LivesElsewhereError, refuse_if_elsewhere, where_is
from linda_bot.app.migrating.whereabouts import Home
from linda_bot.database.connecting import Database
from linda_bot.database.migrating import bring_up_to_date
from linda_bot.sessions.opening import open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.validation import Verdict
from tests.support.moving_account import (
    Answer,
    Content,
    Killer,
    content_in_database,
    content_in_files,
    copy_database,
    drop_database,
    killer,
    make_account,
    wait_for_the_dead,
)
from tests.support.postgres import Server
from tests.support.shared_stores import MAKER

SEED = 9
COUNTED, TIMED = 9, 3
"""So many deaths of a chunk are at a certain call, so many wherever it is just then: also while the library works."""

OPPOSITE = {"database": "files", "files": "database"}

_names = count(1)


class Stage(NamedTuple):
    """An account in each of the two places, to be laid out anew for each death."""

    paths: SessionPaths
    content: Content
    kept: dict[str, Path]
    """The directory as it is before a move to somewhere."""
    databases: dict[str, Database]
    whole: dict[str, Answer]
    """How long a move takes that nobody ends."""

    def lay_out(self, to: str) -> Database:
        """Have everything be as before a move; always in the same place, which attachments are named by."""
        shutil.rmtree(self.paths.data_dir, ignore_errors=True)
        shutil.copytree(self.kept[to], self.paths.data_dir, symlinks=True)
        return copy_database(self.databases[to], f"kills_{next(_names)}")


@pytest.fixture(scope="module")
def kill() -> Iterator[Killer]:
    """A process that dies as often as it is asked to."""
    with killer() as made:
        yield made


@pytest.fixture(scope="module")
def stage(postgres: Server, tmp_path_factory: pytest.TempPathFactory, kill: Killer) -> Stage:
    """Make an account, and move it to its end in both directions."""
    place = tmp_path_factory.mktemp("moving")
    paths = make_account(place / "here", SEED)
    empty, full = Database(postgres.new_database()), Database(postgres.new_database())
    bring_up_to_date(empty)
    content = content_in_files(paths)
    kept = {to: place / f"before {to}" for to in ("database", "files")}
    shutil.copytree(paths.data_dir, kept["database"])
    Move(paths, full, MAKER).to_database()
    shutil.copytree(paths.data_dir, kept["files"])
    made = Stage(paths, content, kept, {"database": empty, "files": full}, {})
    for to in kept:
        database = made.lay_out(to)
        made.whole[to] = kill(paths, database, to)
        drop_database(database)
    return made


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("first", [2, *(pytest.param(number, marks=pytest.mark.rare) for number in (1, 3, 4))])
@pytest.mark.parametrize("to", ["database", "files"])
def test_death_between_any_two_steps(stage: Stage, kill: Killer, to: str, first: int) -> None:
    """Before each of them and after each; then the same move again, or the opposite one, by turns."""
    steps = stage.whole[to].steps
    assert steps > 15
    for step in range(first, steps + 1, 4):
        die(stage, kill, to, {"step": step}, then=to if step % 5 < 3 else OPPOSITE[to])


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("chunk", [0, *(pytest.param(number, marks=pytest.mark.rare) for number in (1, 2, 3))])
@pytest.mark.parametrize("to", ["database", "files"])
def test_death_at_any_point(stage: Stage, kill: Killer, to: str, chunk: int) -> None:
    """Nothing is lost, nothing is in two places, and the same move, or the opposite one, succeeds afterwards."""
    whole = stage.whole[to]
    chance = Random(f"{SEED} {to} {chunk}")
    deaths: list[dict[str, float]] = [{"at": chance.randint(1, whole.calls)} for _ in range(COUNTED)]
    deaths += [{"after_s": chance.uniform(0.01, whole.took_s)} for _ in range(TIMED)]
    for death in deaths:
        die(stage, kill, to, death, then=chance.choice((to, to, OPPOSITE[to])))


def die(stage: Stage, kill: Killer, to: str, death: dict[str, float], *, then: str) -> None:
    """Have a move die, look, and go on."""
    database = stage.lay_out(to)
    try:
        answer = kill(stage.paths, database, to, **death)
        assert answer.killed or "after_s" in death
        wait_for_the_dead(database)
        check_one_place(stage, database)
        move = Move(stage.paths, database, MAKER)
        move.to_files() if then == "files" else move.to_database()
        assert where_is(stage.paths, database) == then
        check_one_place(stage, database)
    except BaseException as error:
        error.add_note(f"after a move to {to} until {death}, then to {then}")
        raise
    drop_database(database)


def check_one_place(stage: Stage, database: Database) -> None:
    """The account is whole where it is, and the other place refuses."""
    home = where_is(stage.paths, database)
    if home is Home.FILES:
        assert content_in_files(stage.paths) == stage.content
        with pytest.raises(LivesElsewhereError):
            refuse_if_elsewhere(stage.paths, database)
    else:
        assert home is Home.DATABASE
        assert content_in_database(database) == stage.content
        refuse_if_elsewhere(stage.paths, database)
        with pytest.raises(LivesElsewhereError):
            refuse_if_elsewhere(stage.paths, None)
    assert begins_in(database, stage.paths) == (home is Home.DATABASE)
    assert not (home_by_itself(stage.paths) and begins_in(database, stage.paths))


def home_by_itself(paths: SessionPaths) -> bool:
    """Return whether a bot would begin on the files without asking anybody; the session is whole then."""
    try:
        refuse_if_elsewhere(paths, None)
    except LivesElsewhereError:
        return False
    return open_session(paths).validation.verdict is Verdict.RESTORABLE


def begins_in(database: Database, paths: SessionPaths) -> bool:
    """Return whether a bot would begin in the database."""
    try:
        refuse_if_elsewhere(paths, database)
    except LivesElsewhereError:
        return False
    return True
