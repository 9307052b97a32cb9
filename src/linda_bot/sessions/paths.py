"""Where a session's files are; pure."""

from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.flock import engine_lock_of

DEFAULT_ACCOUNT = "default"


class SessionPaths(NamedTuple):
    """The files of one account under a data directory."""

    data_dir: Path
    account: str

    @property
    def directory(self) -> Path:
        """The session's own directory, mode 0700."""
        return self.data_dir / "sessions" / f"session-{self.account}"

    @property
    def store(self) -> Path:
        """The client library's SQLite store: device identity and Signal keys."""
        return self.directory / "session.db"

    @property
    def device_status(self) -> Path:
        """What the link was like when it was last written."""
        return self.directory / "device-status.json"

    @property
    def history(self) -> Path:
        """The link's life, newest last."""
        return self.directory / "session-history.json"

    @property
    def lock(self) -> Path:
        """Held by the daemon while it lives."""
        return self.directory / "session.lock"

    @property
    def engine_lock(self) -> Path:
        """Held by the engine while it lives; it may outlive its daemon by seconds."""
        return engine_lock_of(self.store)

    @property
    def sandbox_mark(self) -> Path:
        """Is there when the session belongs to a sandbox: neither side would know the other's devices."""
        return self.directory / "made-in-sandbox"

    @property
    def run_mark(self) -> Path:
        """Whether the store may have gone back by itself since it was last used; see `rollback`."""
        return self.directory / "run-mark.json"

    @property
    def logins(self) -> Path:
        """When the session logged in lately, one time a line; see `logins`."""
        return self.directory / "recent-logins"

    @property
    def pause(self) -> Path:
        """Is there while the bot is paused; see `messaging.pause`."""
        return self.directory / "paused.json"

    @property
    def control(self) -> Path:
        """The socket on which the running bot answers."""
        return self.directory / "control.sock"

    @property
    def control_pointer(self) -> Path:
        """Says where that socket is when its path is too long for one."""
        return self.directory / "control.json"

    @property
    def aftercare(self) -> Path:
        """Is there while a session that was put back is watched; see `aftercare`."""
        return self.directory / "after-restore.json"

    @property
    def moved_to(self) -> Path:
        """Is there when the account was moved to a shared database, or is being moved; see `app.migrating`."""
        return self.directory / "moved-to.json"

    @property
    def next_store(self) -> Path:
        """A whole store that is just about to take the place of the present one."""
        return self.directory / "session.db.next"

    @property
    def cache(self) -> Path:
        """Where backups are, and what is set aside."""
        return self.data_dir / ".session-cache"

    @property
    def backup_lock(self) -> Path:
        """Held by whoever makes a backup, or moves the store."""
        return self.cache / f".backup-{self.account}.lock"

    @property
    def summary(self) -> Path:
        """What is known of all accounts, in one file."""
        return self.data_dir / "session-state.json"

    @property
    def mailbox(self) -> Path:
        """What was received and what is to be sent; it outlives the session that a person clears."""
        return self.data_dir / "messages" / f"messages-{self.account}.db"

    @property
    def attachments(self) -> Path:
        """The files that are to be sent."""
        return self.data_dir / "messages" / f"files-{self.account}"

    @property
    def logs(self) -> Path:
        """Where the event log is."""
        return self.data_dir / "logs"

    @property
    def alerts(self) -> Path:
        """What a person was told of, and which incidents are open."""
        return self.logs / f".alerts-{self.account}.json"

    @property
    def health_log(self) -> Path:
        """How the bot was, one sample a line; see `health.history`."""
        return self.logs / f"health-{self.account}.jsonl"

    @property
    def health_now(self) -> Path:
        """What is not in the health log yet, at most a minute old."""
        return self.logs / f".health-now-{self.account}.json"

    @property
    def number(self) -> str | None:
        """The number that the session must be linked to; None for any."""
        return None if self.account == DEFAULT_ACCOUNT else self.account


class HousePaths(NamedTuple):
    """What belongs to a process with several accounts."""

    data_dir: Path

    @property
    def directory(self) -> Path:
        """The directory of all sessions, mode 0700."""
        return self.data_dir / "sessions"

    @property
    def roll(self) -> Path:
        """Which accounts a person has added, paused or removed; see `roll`."""
        return self.directory / "accounts.json"

    @property
    def lock(self) -> Path:
        """Held by the daemon while it lives, besides those of its accounts."""
        return self.directory / "house.lock"

    @property
    def engine_lock(self) -> Path:
        """Held by nobody: engines belong to accounts."""
        return self.directory / "house.engine.lock"

    @property
    def place(self) -> Path:
        """A word that no other directory has: by it the hosts of a fleet know this one again."""
        return self.directory / ".place"

    @property
    def control(self) -> Path:
        """The socket on which the running house answers."""
        return self.directory / "house.sock"

    @property
    def control_pointer(self) -> Path:
        """Says where that socket is when its path is too long for one."""
        return self.directory / "house.json"
