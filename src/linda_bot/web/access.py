"""Who has a right at the web page: the token, the cookies given for it, and one-shot links."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from math import ceil
from pathlib import Path

from linda_bot.kernel.errors import reason_of
from linda_bot.kernel.events import Event
from linda_bot.kernel.key_files import KEY_BYTES, make_key, read_key, replace_key
from linda_bot.kernel.masking import printable
from linda_bot.settings.values import HttpAddress
from linda_bot.web import cookies
from linda_bot.web.attempts import Attempts, Lately, network_of
from linda_bot.web.cookies import Cookie, Scope
from linda_bot.web.events import AccessRefused
from linda_bot.web.hosts import Public
from linda_bot.web.problems import RefusedError
from linda_bot.web.rooms import HALL, Room
from linda_bot.web.tickets import VALID_S, Tickets
from linda_bot.web.visitors import Proof, Right, Visitor

KEY_FILE = ".web-key"
_TOLD_WITHIN_S = 60.0
_TOLD_AT_MOST = 20
_SHOWN_ADDRESS = 60


def _nobody_listens(_event: Event) -> None:
    """Tell nobody."""


class Access:
    """Decides what a token, a cookie or a ticket is worth, and hands out the latter two."""

    def __init__(
        self,
        *,
        token: str | None,
        key_file: Path,
        bound: HttpAddress,
        public: Public | None = None,
        tell: Callable[[Event], None] = _nobody_listens,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the token, if there is one, and where the page is; `wall_clock` counts from 1970."""
        self.public = public
        self.bound = bound
        self.cookie_name = f"linda-bot-{bound.port}"
        """With the port: browsers take all ports of a machine for one."""
        self.link_cookie_name = f"{self.cookie_name}-link"
        """Of one who came by a link to one of several accounts; it is sent for the pages of that one only."""
        self._token = token
        self._key_file = key_file
        self._key: bytes | None = None
        self._tell = tell
        self._told = Lately(within_s=_TOLD_WITHIN_S, at_most=_TOLD_AT_MOST)
        self._clock = clock
        self._wall_clock = wall_clock
        self._attempts = Attempts()
        self._tickets = Tickets()

    @property
    def address(self) -> str:
        """What a browser takes to get here."""
        return f"http://{self.bound}/" if self.public is None else f"{self.public.origin}{self.public.prefix}/"

    @property
    def has_token(self) -> bool:
        """Whether a token is set."""
        return self._token is not None

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the page by https."""
        return self.public is not None and self.public.scheme == "https"

    def check_token(self, said: str, address: str) -> bool:
        """Return whether somebody has the token; raises RefusedError (429) where too many were wrong."""
        self._check_rate(address)
        # Of one length, so that the time it takes says nothing.
        is_right = self._token is not None and hmac.compare_digest(_digest(said), _digest(self._token))
        if is_right:
            self._attempts.right(address)
        else:
            self._wrong(address, "a wrong token")
        return is_right

    def invite(self, room: Room = HALL) -> tuple[str, float]:
        """Return a one-shot link to a pairing page, and for how many seconds it is valid."""
        return f"{self.address}{room.path}link?once={self._tickets.issue(self._clock(), room.account)}", VALID_S

    def is_open(self, url: str) -> bool:
        """Return whether a one-shot link can still be used."""
        return self._tickets.is_open(url.rpartition("=")[2], self._clock())

    def redeem(self, ticket: str, address: str, room: Room = HALL) -> bool:
        """Use a ticket up and return whether it was valid; raises RefusedError (429) where too many were wrong."""
        self._check_rate(address)
        is_right = self._tickets.redeem(ticket, self._clock(), room.account)
        if not is_right:
            self._wrong(address, "a one-shot link that is not valid")
        return is_right

    def cookie(self, scope: Scope, room: Room = HALL) -> tuple[str, int]:
        """Return the text of a new cookie, and for how many seconds it is valid."""
        now = self._wall_clock()
        given = cookies.new_cookie(scope, now)
        return cookies.sign(given, self._signing_key(self._made_key(), room)), given.until - int(now)

    def visitor_with(self, text: str, room: Room = HALL) -> Visitor | None:
        """Return who has a cookie; None where it proves nothing in this room."""
        kept = self._key or read_key(self._key_file)
        if kept is None:
            return None
        self._key, key = kept, self._signing_key(kept, room)
        given = cookies.read(text, key, self._wall_clock())
        return None if given is None else Visitor(self._rights_of(given), Proof.COOKIE, cookies.csrf_of(given, key))

    def stranger(self) -> Visitor:
        """Return who proves nothing: without a token everybody may look."""
        return Visitor(Right.NONE if self.has_token else Right.READ)

    def forget_browsers(self) -> str:
        """Make all cookies void; return what is wrong when they may come back with the next start."""
        try:
            self._key = replace_key(self._key_file)
        except OSError as error:
            self._key = secrets.token_bytes(KEY_BYTES)
            return reason_of(error)
        return ""

    def refused(self, address: str, what: str) -> None:
        """Tell that somebody was not let in; not too often."""
        name, now = network_of(address), self._clock()
        if len(self._told.of(None, now)) < _TOLD_AT_MOST and not self._told.of(name, now):
            self._told.add(name, now)
            self._tell(AccessRefused(address=printable(address, _SHOWN_ADDRESS), what=what))

    def _rights_of(self, cookie: Cookie) -> Right:
        match cookie.scope:
            case Scope.LOGIN:
                return Right.ALL
            case Scope.LINK:
                return Right.LINK | self.stranger().rights

    def _check_rate(self, address: str) -> None:
        wait_s = self._attempts.wait_s(address, self._clock())
        if wait_s > 0:
            self.refused(address, "too many wrong tokens")
            raise RefusedError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"too many wrong tokens; wait {ceil(wait_s)} s",
                headers={"Retry-After": str(ceil(wait_s))},
            )

    def _wrong(self, address: str, what: str) -> None:
        self._attempts.wrong(address, self._clock())
        self.refused(address, what)

    def _made_key(self) -> bytes:
        if self._key is None:
            try:
                self._key = make_key(self._key_file)
            except OSError:  # browsers must log in again after the next start
                self._key = secrets.token_bytes(KEY_BYTES)
        return self._key

    def _signing_key(self, kept: bytes, room: Room) -> bytes:
        door = f"{self.bound.port}/{room.account}" if room.account else str(self.bound.port)
        return cookies.signing_key(kept, self._token or "", door)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
