"""An account in files with everything that it can have, a database, and moves that die: see `Killer`.

`python -m tests.support.moving_account` carries out orders, each in a child that may die in the middle.
"""

import hashlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from types import FrameType

import msgspec

from linda_bot.app.migrating.mailbox import in_database, in_file
from linda_bot.app.migrating.moving import Move
from linda_bot.database.connecting import Database, Place
from linda_bot.database.places import account_place
from linda_bot.messaging.outbound import encode_content
from linda_bot.sessions.mirror.following import follower, state_files
from linda_bot.sessions.mirror.local import look
from linda_bot.sessions.opening import close_session, open_session
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.copying import digest_of_file, digest_of_schema
from linda_bot.sessions.store import opened
from linda_bot.whatsapp.content import File, Text
from linda_bot.whatsapp.mailbox_file import open_mailbox
from tests.support.shared_stores import MAKER, OURS, fill_file
from tests.support.stores import NUMBER, back_up

_POINTS = {"open", "write", "flush", "close", "fsync", "replace", "rename", "mkdir", "unlink", "execute", "executemany"}
_CALLS = {"execute", "wait", "_exit_gen", "write_row"}
"""What psycopg's own functions are called that talk to the server."""

_STEPS = {
    "decide",
    "save_marker",
    "drop_marker",
    "give_back",
    "set_files_aside",
    "set_schemas_aside",
    "drop_half_copies",
}
_STEPS |= {"_copy_to_database", "_copy_to_files", "_check_source", "_delete_half_copies", "replace"}
"""What a move is made of; each can be died before and after."""

Content = dict[str, object]


def make_account(data_dir: Path, seed: int = 1, *, messages: int = 40) -> SessionPaths:
    """Make a linked session with random content, messages, attachments, state files and backups."""
    chance = Random(seed)
    paths = SessionPaths(data_dir, NUMBER)
    for directory in (paths.directory, paths.logs, paths.mailbox.parent, paths.attachments):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    fill_file(paths.store)
    with opened(paths.store, "rw") as database, database:
        rows = [(OURS, f"{chance.randrange(10**9)}:{number}", chance.randbytes(200)) for number in range(50)]
        database.executemany("INSERT INTO whatsmeow_sessions VALUES (?, ?, ?)", rows)
    open_session(paths)
    close_session(paths)
    for each in state_files(paths.account):
        if each.path.endswith(("paused.json", "after-restore.json", "made-in-sandbox")):
            continue  # they mean something
        (data_dir / each.path).write_bytes(b"" if each.path.endswith("recent-logins") else b"{}")
    _make_messages(paths, chance, messages)
    back_up(paths)
    back_up(paths)
    return paths


def _make_messages(paths: SessionPaths, chance: Random, count: int) -> None:
    with closing(open_mailbox(paths.mailbox)) as mailbox:
        for number in range(count):
            text = "".join(chance.choices("aä🌷\t\n\\'\"%,{}", k=9))
            mailbox.execute(
                "INSERT INTO inbox (owner, conversation, sender, id, state, error, sent_at, received_at, done_at, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    NUMBER, f"{number % 5}@lid", "s", f"{number}", number % 4, text, chance.random(),
                    chance.random() * 1e9, chance.choice((None, 1.5)), chance.randbytes(99),
                ),
            )  # fmt: skip
            attached = paths.attachments / f"{number:032x}.bin"
            content: Text | File = Text(text=text)
            if number % 7 == 0:
                attached.write_bytes(chance.randbytes(500))
                content = File(path=str(attached), kind="document")
            mailbox.execute(
                "INSERT INTO outbox (owner, chat, content, cause, nth, state, created_at) VALUES (?, ?, ?, ?, 0, ?, ?)",
                (NUMBER, "c", encode_content(content), number + 1, number % 5, chance.random()),
            )
        mailbox.execute("DELETE FROM outbox WHERE key = ?", (count,))  # its number is never used again
        mailbox.execute("INSERT INTO outbox (owner, chat, content, created_at) VALUES ('', 'c', x'c1', 1)")
        mailbox.execute("INSERT INTO people VALUES ('1@lid', '2@s.whatsapp.net')")
        mailbox.execute("INSERT INTO memory VALUES (?, '1@lid', ?)", (NUMBER, '{"a": "\\u0000ä"}'))


def content_in_files(paths: SessionPaths) -> Content:
    """Return all that an account has in files, in a form that is the same in a database."""
    with opened(paths.store, "rw") as database:  # as a start does: it takes back what a death left half done
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    with closing(open_mailbox(paths.mailbox)) as mailbox:
        messages = in_file(mailbox, paths.attachments)
    small = {path: _sum((paths.data_dir / path).read_bytes()) for path in look(paths)}
    with opened(paths.store) as database:
        ours = database.execute("SELECT name, value FROM linda_bot").fetchall()
    session = _but_ours(digest_of_file(paths.store))
    return {"session": session, "ours": _ours(ours), "messages": messages, "files": small}


def content_in_database(database: Database, account: str = NUMBER) -> Content:
    """Return all that an account has in a database."""
    store = SharedStore(database, account)
    with database.connect(account_place(account, "test")) as connection:
        messages = in_database(connection)
        found = connection.execute("SELECT path, content FROM files", binary=True).fetchall()
    small = {path: _sum(bytes(data)) for path, data in found if follower(account, path) is not None}
    with store.opened() as connection:
        ours = connection.execute("SELECT name, value FROM linda_bot").fetchall()
    return {"session": _but_ours(digest_of_schema(store)), "ours": _ours(ours), "messages": messages, "files": small}


def _but_ours(digest: dict[str, str]) -> dict[str, str]:
    return {table: found for table, found in digest.items() if table != "linda_bot"}


def _ours(rows: Iterable[Sequence[object]]) -> dict[object, object]:
    """Return what we keep in a session, but for what counts how often it was opened."""
    return {name: value for name, value in rows if name != "generation"}


def schemas(database: Database) -> list[str]:
    """Name what there is of accounts."""
    with database.connect(Place()) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'linda_bot_%'").fetchall()
    return sorted(row[0] for row in found)


def copy_database(source: Database, name: str) -> Database:
    """Return a new database with the same content."""
    base = source.address.rpartition("/")[0]
    old = source.address.rpartition("/")[2].partition("?")[0]
    with Database(f"{base}/postgres").connect(Place()) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {old}")
    return Database(f"{base}/{name}")


def drop_database(database: Database) -> None:
    """Delete a database."""
    base, _, rest = database.address.rpartition("/")
    with Database(f"{base}/postgres").connect(Place()) as connection:
        connection.execute(f"DROP DATABASE {rest.partition('?')[0]} WITH (FORCE)")


def wait_for_the_dead(database: Database) -> None:
    """Wait until the server has done with what a dead process asked of it."""
    with database.connect(Place(who="test")) as connection:
        question = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'linda-bot %'"
        )
        give_up_at = time.monotonic() + 10
        while connection.execute(question).fetchone() != (0,):
            assert time.monotonic() < give_up_at
            time.sleep(0.01)


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Order(msgspec.Struct):
    """A move, and where it is to die."""

    data_dir: str
    address: str
    to: str
    at: int = 0
    """The number of the call; 0 for none, which counts them."""
    step: int = 0
    """Instead: the number of the step, each counting twice."""
    after_s: float = 0.0
    """Instead: after how long, wherever that is."""


class Answer(msgspec.Struct):
    """How it ended."""

    killed: bool
    calls: int = 0
    steps: int = 0
    took_s: float = 0.0


class Killer:
    """A process that moves an account, and dies as often as it is asked to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.moving_account"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )

    def __call__(self, paths: SessionPaths, database: Database, to: str, **how: float) -> Answer:
        """Move an account until death."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        said = {"data_dir": str(paths.data_dir), "address": database.address, "to": to}
        order = msgspec.convert({**said, **how}, Order)
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        assert select.select([self._process.stdout], [], [], 60)[0], "it hangs"
        return msgspec.json.decode(self._process.stdout.readline(), type=Answer)

    def close(self) -> None:
        """Let it go for good."""
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


@contextmanager
def killer() -> Iterator[Killer]:
    """Yield a process that dies as often as it is asked to."""
    made = Killer()
    try:
        yield made
    finally:
        made.close()


class _Counter:
    """Counts the calls that change something, and the steps; dies at one."""

    def __init__(self, order: Order) -> None:
        self.calls = self.steps = 0
        self._order = order

    def look(self, frame: FrameType, event: str, what: object) -> None:
        """Be a profiler."""
        name, file = frame.f_code.co_name, frame.f_code.co_filename
        if event in {"c_call", "c_return"}:
            self.calls += getattr(what, "__name__", "") in _POINTS
        else:
            self.calls += name in _CALLS and "psycopg" in file
            # A file of the session or the mailbox comes into its place by `Path.replace`.
            ours = frame.f_back.f_code.co_filename if name == "replace" and frame.f_back is not None else file
            self.steps += name in _STEPS and "app/migrating" in ours
        if self._order.at == self.calls != 0 or self._order.step == self.steps != 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _run(order: Order, answer_to: int) -> None:
    move = Move(SessionPaths(Path(order.data_dir), NUMBER), Database(order.address), MAKER)
    counter = _Counter(order)
    begun = time.perf_counter()
    if not order.after_s:
        sys.setprofile(counter.look)
    move.to_files() if order.to == "files" else move.to_database()
    sys.setprofile(None)
    answer = Answer(killed=False, calls=counter.calls, steps=counter.steps, took_s=time.perf_counter() - begun)
    os.write(answer_to, msgspec.json.encode(answer))


def _die(order: Order) -> Answer:
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            _run(order, write_end)
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    if order.after_s:
        time.sleep(order.after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read_end, "rb") as answers:
        said = b"" if os.WIFSIGNALED(status) else answers.read()
    if os.WIFSIGNALED(status):
        return Answer(killed=True)
    assert said, "the move failed"
    return msgspec.json.decode(said, type=Answer)


def main() -> None:
    """Carry out the orders on stdin."""
    import psycopg  # noqa: F401 (each child would import it anew)

    for line in sys.stdin.buffer:
        answer = _die(msgspec.json.decode(line, type=Order))
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
