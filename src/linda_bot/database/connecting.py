"""PostgreSQL as this house uses it: an address that is a secret, connections that say who they are, errors sorted.

psycopg is the extra `postgres` and is imported when somebody connects. The client library brings its own driver (Go's
lib/pq), which takes the same addresses but for the details that `library_source` sees to.
"""

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from linda_bot.kernel.errors import ExitCode, LindaError, TransientError, UsageError

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgres", "postgresql")
FENCE = "linda_bot.fence"
"""The name of the setting by which a connection says how new the right is by which it writes; see `Place.fence`."""

FENCED_OFF = "LB001"
"""What the server's errors are called by which a `FencedOffError` is known (an SQLSTATE)."""

_CONNECT_WITHIN_S = 5
_DEAD_AFTER_MS = 10_000
_KEPT_ALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": _DEAD_AFTER_MS,
}


class DatabaseTroubleError(TransientError):
    """The database cannot be reached or used for now; the text says why, without the address's secrets."""

    exit_code = ExitCode.UNWELL


class FencedOffError(LindaError):
    """The account's lease has passed on: what is written by an older one is refused, for good."""

    exit_code = ExitCode.UNWELL


class Place(NamedTuple):
    """Where in a database somebody works, and as whom."""

    schema: str = ""
    """Where names without a schema are looked for; empty for the database's own default."""
    who: str = "linda-bot"
    """Shown by the server as the name of the application."""
    fence: int | None = None
    """The number of the lease by which it is done: once an account has a lease with a higher one, the server refuses
    what is written with a lower one. None for who needs no lease: a person's command.
    """


class Database:
    """A database by its address, `postgresql://user:password@host/name`, which is never shown."""

    def __init__(self, address: str) -> None:
        """Take an address; raises UsageError for one that is none."""
        parts = urlsplit(address)
        name = unquote(parts.path.removeprefix("/"))
        if parts.scheme not in SCHEMES or not name or "/" in name:
            raise UsageError("the store's address must be like postgresql://user:password@host/database")
        self._parts = parts
        self._options = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._host = self._options.get("host") or parts.hostname or ""
        self._is_local = not self._host or self._host.startswith("/") or _is_loopback(self._host)
        # A password, or a key of a session, is worth a proper line; the drivers' own defaults differ.
        self._options.setdefault("sslmode", "disable" if self._is_local else "require")
        port = f":{parts.port}" if parts.port else ""
        self.shown = f"the database {name} on {self._host or 'this machine'}{port}"
        """Its name for people; no secret."""

    def __repr__(self) -> str:
        return f"Database({self.shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Database) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    @property
    def address(self) -> str:
        """The address with everything in it: a secret."""
        return urlunsplit(self._parts._replace(query=urlencode(self._options, quote_via=quote)))

    def library_source(self, place: Place) -> str:
        """Return what the client library opens: a secret. The server gets what lib/pq has no name for as settings."""
        added = {"application_name": place.who, "connect_timeout": str(_CONNECT_WITHIN_S)}
        if place.schema:
            added["search_path"] = place.schema
        if place.fence is not None:
            added["options"] = f"{self._options.get('options', '')} -c {FENCE}={place.fence}".strip()
        query = urlencode({**self._options, **added}, quote_via=quote)
        return urlunsplit(self._parts._replace(scheme="postgres", query=query))

    def connect(self, place: Place, **options: Any) -> "psycopg.Connection[Any]":
        """Return a connection of ours, for one thread, in autocommit; raises DatabaseTroubleError."""
        driver = _driver()
        try:
            made: psycopg.Connection[Any] = driver.connect(
                self.address, autocommit=True, **self._asked(place), **options
            )
        except driver.Error as error:
            raise trouble_of(error, self) from None
        return made

    async def connect_async(self, place: Place, **options: Any) -> "psycopg.AsyncConnection[Any]":
        """Return a connection of ours for the event loop, in autocommit; raises DatabaseTroubleError."""
        driver = _driver()
        try:
            made: psycopg.AsyncConnection[Any] = await driver.AsyncConnection.connect(
                self.address, autocommit=True, **self._asked(place), **options
            )
        except driver.Error as error:
            raise trouble_of(error, self) from None
        return made

    def _asked(self, place: Place) -> dict[str, Any]:
        options = [self._options.get("options", "")]
        if place.schema:
            options.append(f"-c search_path={place.schema}")
        if place.fence is not None:
            options.append(f"-c {FENCE}={place.fence}")
        return {
            "application_name": place.who,
            "connect_timeout": _CONNECT_WITHIN_S,
            "options": " ".join(filter(None, options)),
            **_KEPT_ALIVE,
        }


def _driver() -> Any:
    """Return psycopg; raises UsageError where it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise UsageError("LINDA_STORE needs the PostgreSQL extra: pip install 'linda-bot[postgres]'") from error
    return psycopg


def trouble_of(error: Exception, database: Database) -> DatabaseTroubleError:
    """Return what to raise for an error of the driver: its first line, which has no secret in it."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return DatabaseTroubleError(f"{database.shown} cannot be used: {first}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
