"""An account lives on this host: what changes of its small files is brought to the database."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from linda_bot.database.connecting import Database, DatabaseTroubleError, FencedOffError
from linda_bot.kernel.amounts import size_text
from linda_bot.sessions.mirror.following import follower
from linda_bot.sessions.mirror.local import Found, Stamp, content_of, digest_of, look
from linda_bot.sessions.mirror.table import FilesTable, open_files
from linda_bot.sessions.paths import SessionPaths

_LOOK_EVERY_S = 1.0
_TRY_AGAIN_S = 3.0


class Mirror:
    """Keeps the table as the files are; only after `pull`, which made the files be as the table was.

    While the database is away it tries again. Once another host has the account it stops for good.
    """

    def __init__(
        self,
        database: Database,
        paths: SessionPaths,
        fence: int | None,
        *,
        on_fenced: Callable[[], None] = lambda: None,
        trouble: Callable[[str], None] = lambda _: None,
        recovered: Callable[[], None] = lambda: None,
    ) -> None:
        """Take whose files, and the lease by which they are written.

        `on_fenced` is called once, when the lease has passed on; `trouble` once each time that the database cannot be
        used, and `recovered` when it can be again. All of them are called in the event loop.
        """
        self._pusher = _Pusher(database, paths, fence)
        self._on_fenced, self._trouble, self._recovered = on_fenced, trouble, recovered
        # One thread: whoever flushes waits for the round that is under way.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"mirror {paths.account}")
        self._is_fenced = False
        self._is_in_trouble = False

    async def run(self) -> None:
        """Push what changes, until cancelled, or until another host has the account."""
        while not self._is_fenced:
            went_well = await self._round(at_once=False)
            await asyncio.sleep(_LOOK_EVERY_S if went_well else _TRY_AGAIN_S)

    async def flush(self, *, within_s: float = 10.0) -> bool:
        """Push everything for the last time, when `run` is over; return whether the database has it all.

        Takes no longer than `within_s`, also when the database hangs.
        """
        last = asyncio.ensure_future(self._round(at_once=True))
        await asyncio.wait({last}, timeout=within_s)
        self._thread.shutdown(wait=False, cancel_futures=True)
        if last.done():
            self._pusher.close()
            return last.result()
        self._pusher.cut()
        last.cancel()
        await asyncio.wait({last})
        return False

    async def _round(self, *, at_once: bool) -> bool:
        if self._is_fenced:
            return False
        loop = asyncio.get_running_loop()
        try:
            told = await loop.run_in_executor(self._thread, lambda: self._pusher.push(at_once=at_once))
        except FencedOffError:
            self._is_fenced = True
            self._on_fenced()
            return False
        except DatabaseTroubleError as error:
            if not self._is_in_trouble:
                self._is_in_trouble = True
                self._trouble(str(error))
            return False
        if self._is_in_trouble:
            self._is_in_trouble = False
            self._recovered()
        for line in told:
            self._trouble(line)
        return True


def push_once(database: Database, paths: SessionPaths, fence: int | None) -> list[str]:
    """Make the table be as the files are, now; return what a person should know of it.

    Raises DatabaseTroubleError, FencedOffError.
    """
    pusher = _Pusher(database, paths, fence)
    try:
        return pusher.push(at_once=True)
    finally:
        pusher.close()


class _Pusher:
    """What blocks; for one thread, but for `cut`."""

    def __init__(self, database: Database, paths: SessionPaths, fence: int | None) -> None:
        self._database, self._paths, self._fence = database, paths, fence
        self._table: FilesTable | None = None
        self._there: dict[str, str] = {}
        """The digests of what is in the table, by path."""
        self._done: dict[str, Stamp] = {}
        """What needs no second look, by path."""
        self._pushed_at: dict[str, float] = {}
        self._is_cut = False

    def push(self, *, at_once: bool) -> list[str]:
        """Bring to the table what changed; return what a person should know of it.

        Unless it is wanted at once, what changes all the time waits until it is due. Raises DatabaseTroubleError,
        FencedOffError.
        """
        try:
            return self._push(at_once=at_once)
        except BaseException:
            self.close()  # nobody knows what of it the table has: it is asked anew
            raise

    def close(self) -> None:
        """Let go of the connection; the next push makes another."""
        table, self._table = self._table, None
        if table is not None:
            table.close()

    def cut(self) -> None:
        """Have a push that hangs in another thread end at once, and no other one begin."""
        self._is_cut = True
        table = self._table
        if table is not None:
            table.cut()

    def _push(self, *, at_once: bool) -> list[str]:
        if self._table is None:
            self._table = open_files(self._database, self._paths.account, "mirror", self._fence)
            self._there = {entry.path: entry.digest for entry in self._table.entries()}
            self._done.clear()
        found = look(self._paths)
        told = []
        groups: dict[str, list[Found]] = {}
        for path, each in found.items():
            if self._done.get(path) == each.stamp or not (at_once or self._is_due(each)):
                continue
            if each.stamp.size > each.follower.largest:
                self._done[path] = each.stamp
                told.append(f"{path} is too large ({size_text(each.stamp.size)}) to follow the account to another host")
            else:
                groups.setdefault(each.follower.group, []).append(each)
        gone = self._gone(found)
        for group in sorted({*groups, *gone}):
            if self._is_cut:
                raise DatabaseTroubleError("it took too long")
            self._change(self._table, groups.get(group, ()), gone.get(group, ()))
        return told

    def _change(self, table: FilesTable, changed: Iterable[Found], gone: Sequence[str]) -> None:
        """Bring the changes within one group to the table, in one step."""
        put = {}
        stamps = {}
        for path, stamp in ((each.follower.path, each.stamp) for each in changed):
            content = content_of(self._paths.data_dir / path)
            if content is None:
                return  # it is going just now: the next look tells
            stamps[path] = stamp
            if self._there.get(path) != digest_of(content):
                put[path] = content
        if put or gone:
            table.change(put, gone)
        self._there.update({path: digest_of(content) for path, content in put.items()})
        for path in gone:
            del self._there[path]
        self._done.update(stamps)
        self._pushed_at.update(dict.fromkeys(put, time.monotonic()))

    def _gone(self, found: dict[str, Found]) -> dict[str, list[str]]:
        """Return what is in the table and not here any more, by group.

        Where a whole directory is missing, somebody took the disk away: that says nothing of the files.
        """
        gone: dict[str, list[str]] = {}
        for path in self._there:
            each = follower(self._paths.account, path)
            if each is not None and path not in found:
                home = self._paths.data_dir / PurePosixPath(each.group).parent
                if home.is_dir():
                    gone.setdefault(each.group, []).append(path)
        return gone

    def _is_due(self, each: Found) -> bool:
        pushed_at = self._pushed_at.get(each.follower.path)
        return pushed_at is None or time.monotonic() - pushed_at >= each.follower.every_s
