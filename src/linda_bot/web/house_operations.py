"""What can be asked of a house by programs, beside what can be asked of each of its accounts. Pure."""

from http import HTTPStatus
from typing import Annotated

import msgspec

from linda_bot.app.answers import Accounts, AccountView
from linda_bot.app.pairing import Linking
from linda_bot.web.operations import API, JSON, METRICS, Asked, Looking, Nothing, Operation, Wellness
from linda_bot.web.visitors import Right

LONGEST_NAME = 40


class AddAccount(Asked, frozen=True, kw_only=True):
    """Which account is added."""

    account: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    """Its phone number in international format."""


class PairPhone(Asked, frozen=True, kw_only=True):
    """On which phone a pairing code is to be typed."""

    number: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]


_NOT_NOW, _TOO_SLOW = HTTPStatus.CONFLICT, HTTPStatus.GATEWAY_TIMEOUT
_ONE = f"{API}/accounts/{{account}}"


def _do(name: str, summary: str) -> Operation:
    return Operation(
        f"account-{name}",
        "POST",
        f"{_ONE}/{name}",
        summary,
        Right.OWN,
        query=Looking,
        body=Nothing,
        answer=AccountView,
        problems=(_NOT_NOW, _TOO_SLOW),
    )


HOUSE_OPERATIONS = (
    Operation("accounts", "GET", f"{API}/accounts", "All accounts", query=Looking, answer=Accounts),
    Operation(
        "add-account",
        "POST",
        f"{API}/accounts",
        "Add an account; it must be linked then",
        Right.OWN,
        query=Looking,
        body=AddAccount,
        answer=AccountView,
        problems=(_NOT_NOW, _TOO_SLOW),
    ),
    _do("link", "Have codes made with which a phone links the account"),
    _do("pause", "Have nothing of the account run until `resume`; its session stays"),
    _do("resume", "End a pause, or have the account begin anew"),
    Operation(
        "remove-account",
        "DELETE",
        _ONE,
        "End an account and forget it; its files stay",
        Right.OWN,
        query=Looking,
        answer=AccountView,
        problems=(_NOT_NOW, _TOO_SLOW),
    ),
    Operation(
        "account-pairing",
        "GET",
        f"{_ONE}/pairing",
        "How linking goes, with the codes; whoever has one can link the account with a phone of theirs",
        Right.LINK,
        answer=Linking,
    ),
    Operation(
        "account-pair",
        "POST",
        f"{_ONE}/pair",
        "Have a code made that is typed on a phone",
        Right.LINK,
        body=PairPhone,
        answer=Linking,
        problems=(_NOT_NOW, _TOO_SLOW),
    ),
)
"""The control API of a house; `{account}` is a number, `default`, or the `id` of an account."""

HOUSE_PROBES = (
    Operation(
        "healthz",
        "GET",
        "/healthz",
        "Whether the process and its event loop are alive",
        Right.NONE,
        answer=Wellness,
        media=(JSON,),
    ),
    Operation(
        "readyz",
        "GET",
        "/readyz",
        "Whether the process has begun; how its accounts are does not matter",
        Right.NONE,
        answer=Wellness,
        problems=(HTTPStatus.SERVICE_UNAVAILABLE,),
    ),
    Operation("metrics", "GET", "/metrics", "The metrics of all accounts", media=(METRICS,), problems=(_TOO_SLOW,)),
)
"""For supervisors, load balancers and Prometheus."""
