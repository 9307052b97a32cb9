"""The control API of a house: what is done for each operation."""

from http import HTTPStatus

from aiohttp import web

from linda_bot.app.answers import Accounts
from linda_bot.app.front import NotNowError
from linda_bot.app.house import House
from linda_bot.app.house_metrics import house_metrics
from linda_bot.app.pairing import Linking
from linda_bot.kernel.masking import mask_account, mask_line
from linda_bot.settings import Settings
from linda_bot.web.api import LOOK_WITHIN_S, METRICS_HEAD, answered, described_by, may_see_numbers, route_of, within
from linda_bot.web.asked import read_body, read_query
from linda_bot.web.house_accounts import AccountNames, accounts_of, view_of
from linda_bot.web.house_operations import HOUSE_OPERATIONS, HOUSE_PROBES, AddAccount, PairPhone
from linda_bot.web.operations import API, LONGEST_BODY, Looking, Nothing, Wellness
from linda_bot.web.problems import problem
from linda_bot.web.routes import Handler, Route

_CHANGED_WITHIN_S = 30.0
"""How long it may take until an account has ended."""
_CODE_WITHIN_S = 45.0


def house_routes(house: House, names: AccountNames, settings: Settings) -> list[Route]:
    """Return the routes of the API and the probes of a house, which has such settings for the whole process."""
    api = _HouseApi(house, names, settings)
    handlers: dict[str, Handler] = {
        "accounts": api.accounts,
        "add-account": api.add,
        "account-link": api.link,
        "account-pause": api.pause,
        "account-resume": api.resume,
        "remove-account": api.remove,
        "account-pairing": api.pairing,
        "account-pair": api.pair,
        "healthz": api.healthz,
        "readyz": api.readyz,
        "metrics": api.metrics,
    }
    routes = [route_of(operation, handlers[operation.name]) for operation in (*HOUSE_OPERATIONS, *HOUSE_PROBES)]
    return [
        *routes,
        Route("GET", f"{API}/metrics", api.metrics),
        Route("GET", f"{API}/openapi.json", described_by(HOUSE_OPERATIONS, HOUSE_PROBES)),
        Route("GET", f"{API}/fleet", api.fleet),
    ]


class _HouseApi:
    """What is done for each operation; every request has a deadline."""

    def __init__(self, house: House, names: AccountNames, settings: Settings) -> None:
        self._house = house
        self._settings = settings
        self._names = names

    async def accounts(self, request: web.Request) -> web.Response:
        """All accounts."""
        asked = read_query(request, Looking)
        may_see_numbers(request, wanted=asked.show_numbers)
        return answered(Accounts(accounts=accounts_of(self._house, self._names, show_numbers=asked.show_numbers)))

    async def add(self, request: web.Request) -> web.Response:
        """Add an account."""
        asked = await read_body(request, AddAccount, most=LONGEST_BODY)
        added = await within(LOOK_WITHIN_S, self._house.add(asked.account))
        return self._one(request, added.account)

    async def link(self, request: web.Request) -> web.Response:
        """Have codes made for an account."""
        account = await self._asked(request)
        await within(_CHANGED_WITHIN_S, self._house.link(account))
        return self._one(request, account)

    async def pause(self, request: web.Request) -> web.Response:
        """Have nothing of an account run."""
        account = await self._asked(request)
        await within(_CHANGED_WITHIN_S, self._house.pause(account))
        return self._one(request, account)

    async def resume(self, request: web.Request) -> web.Response:
        """Have an account run again."""
        account = await self._asked(request)
        await within(_CHANGED_WITHIN_S, self._house.resume(account))
        return self._one(request, account)

    async def remove(self, request: web.Request) -> web.Response:
        """End an account and forget it."""
        account = await self._asked(request)
        await within(_CHANGED_WITHIN_S, self._house.remove(account))
        return self._one(request, account)

    async def pairing(self, request: web.Request) -> web.Response:
        """How linking goes."""
        return self._linking(self._names.account_of(request.match_info["account"], self._house))

    async def pair(self, request: web.Request) -> web.Response:
        """Have a pairing code made."""
        account = self._names.account_of(request.match_info["account"], self._house)
        asked = await read_body(request, PairPhone, most=LONGEST_BODY)
        front = self._house.front(account)
        if front is None:
            raise NotNowError(f"{mask_account(account)} does not run, or has just begun: ask for it to be linked")
        await within(_CODE_WITHIN_S, front.pair_phone(asked.number))
        return self._linking(account)

    async def healthz(self, _request: web.Request) -> web.Response:
        """Whoever answers is alive."""
        return answered(Wellness(status="ok"))

    async def readyz(self, _request: web.Request) -> web.Response:
        """Whether the process has begun."""
        why = self._house.readiness()
        if not why:
            return answered(Wellness(status="ready"))
        detail = mask_line(why)
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind="not-ready", title="Not ready")

    async def metrics(self, _request: web.Request) -> web.Response:
        """The metrics of all accounts."""
        said = await within(LOOK_WITHIN_S, house_metrics(self._house, self._settings))
        return web.Response(body=said, headers=METRICS_HEAD)

    async def fleet(self, request: web.Request) -> web.Response:
        """How the hosts share the accounts."""
        asked = read_query(request, Looking)
        may_see_numbers(request, wanted=asked.show_numbers)
        found = self._house.fleet() if self._house.fleet is not None else None
        if found is None:
            raise NotNowError("this process shares its accounts with no other host")
        return answered(found if asked.show_numbers else found.masked())

    async def _asked(self, request: web.Request) -> str:
        """Return the account that is meant; raises UsageError for none, and RefusedError."""
        await read_body(request, Nothing, most=LONGEST_BODY)
        return self._names.account_of(request.match_info["account"], self._house)

    def _one(self, request: web.Request, account: str) -> web.Response:
        show = read_query(request, Looking).show_numbers
        return answered(view_of(self._house, self._names, account, show_numbers=show))

    def _linking(self, account: str) -> web.Response:
        resident, front = self._house.residents[account], self._house.front(account)
        view = front.pairing.view() if front is not None else None
        return answered(Linking(phase=resident.phase.value, why=resident.why, pairing=view))
