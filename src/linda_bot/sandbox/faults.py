"""The faults that the sandbox can be told to have: a catalogue as data, and how one is carried out.

Every fault is named and takes its parameters as texts, so that a command line, a script and a test say the same.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox import misbehaviour
from linda_bot.sandbox.armed import CLOSING_STEPS
from linda_bot.sandbox.forms import CODE, COUNT, MILLISECONDS, NUMBER, SECONDS, WHOLE_SECONDS, WORD, Parameter, one_of
from linda_bot.sandbox.garbage import GARBAGE
from linda_bot.sandbox.poison import POISON
from linda_bot.sandbox.refusals import STREAM_ERRORS

if TYPE_CHECKING:
    from linda_bot.sandbox.server import Sandbox


class FaultKind(NamedTuple):
    """A kind of fault."""

    summary: str
    """What it does, in one line for people."""
    parameters: Mapping[str, Parameter]
    carry_out: "Callable[[Sandbox, Mapping[str, str]], Awaitable[str]]"
    """Takes all parameters, each in its form, and returns one line that says what was done."""


class Step(NamedTuple):
    """One fault of a script."""

    after_s: float
    """How long after the step before it, in seconds."""
    fault: str
    parameters: Mapping[str, str]


Script = Sequence[Step]

_COUNT = {"count": Parameter("how many", "1", COUNT)}
_WHOSE = {"number": Parameter("the account whose devices it concerns; all of them when left out", "", NUMBER)}


def _lasting(default: str) -> Mapping[str, Parameter]:
    return {"for_s": Parameter("how long it lasts, in seconds", default, SECONDS)}


CATALOGUE: Mapping[str, FaultKind] = {
    "drop": FaultKind("cut the line without a word", _WHOSE, misbehaviour.drop),
    "freeze": FaultKind(
        "keep the line open, take what comes and answer nothing; a new line works", _WHOSE, misbehaviour.freeze
    ),
    "half-open": FaultKind(
        "forget the session while the line stays open: messages wait, and a new login replaces nobody",
        _WHOSE,
        misbehaviour.half_open,
    ),
    "refuse": FaultKind(
        "listen no more: everybody is dropped, dialling is refused", _lasting("10"), misbehaviour.refuse
    ),
    "bad-gateway": FaultKind(
        "answer every new connection with 502, as a proxy does", _lasting("10"), misbehaviour.bad_gateway
    ),
    "black-hole": FaultKind(
        "accept every new connection and never answer on it", _lasting("10"), misbehaviour.black_hole
    ),
    "slow-link": FaultKind(
        "delay every frame in both directions; their order is kept",
        {
            "delay_ms": Parameter("how much later each frame arrives, in milliseconds", "500", MILLISECONDS),
            **_lasting("30"),
            **_WHOSE,
        },
        misbehaviour.slow_link,
    ),
    "login-failure": FaultKind(
        "refuse the next logins with a failure",
        {
            "code": Parameter(
                "the reason: 400, 401, 402, 403, 405, 406, 409, 418, 500, 501, 503 or any other", None, CODE
            ),
            **_COUNT,
            "ban_code": Parameter("with 402: why the account is banned, 101 to 104, 106 or any other", "101", CODE),
            "expire_s": Parameter("with 402: how long the ban lasts, in seconds", "3600", WHOLE_SECONDS),
            **_WHOSE,
        },
        misbehaviour.login_failure,
    ),
    "silent-login": FaultKind(
        "never answer the next logins, while the line stays open",
        {**_COUNT, **_WHOSE},
        misbehaviour.silent_login,
    ),
    "stream-error": FaultKind(
        "end the stream with an error",
        {
            "kind": Parameter(
                f"{', '.join(STREAM_ERRORS)}, any other code, or any other word as the type of a conflict", None, WORD
            ),
            **_WHOSE,
        },
        misbehaviour.stream_error,
    ),
    "remove-device": FaultKind(
        "remove the account's devices, as a person does on the phone",
        {"number": Parameter("the account", None, NUMBER)},
        misbehaviour.remove_device,
    ),
    "bad-certificate": FaultKind(
        "show a certificate that nobody trusts to new connections: one of them, unless said otherwise",
        {
            "kind": Parameter(
                "tls: another authority signed it; noise: another root did", "tls", one_of(misbehaviour.CERTIFICATES)
            ),
            "connections": Parameter("to how many connections", "", COUNT),
            "for_s": Parameter("for how long instead, in seconds", "", SECONDS),
        },
        misbehaviour.bad_certificate,
    ),
    "lose-ack": FaultKind(
        "take and deliver the next messages from a device, and never say so to it",
        {**_COUNT, **_WHOSE},
        misbehaviour.lose_ack,
    ),
    "refuse-message": FaultKind(
        "refuse the next messages from a device",
        {"code": Parameter("the error: 429, 463, 479, 500 or any other", None, CODE), **_COUNT, **_WHOSE},
        misbehaviour.refuse_message,
    ),
    "double-message": FaultKind(
        "deliver the next messages to a device twice, if it is there",
        {**_COUNT, **_WHOSE},
        misbehaviour.double_message,
    ),
    "garbage": FaultKind(
        "send something that is no proper frame",
        {
            "kind": Parameter(
                "; ".join(f"{kind}: {each.summary}" for kind, each in GARBAGE.items()), None, one_of(GARBAGE)
            ),
            **_WHOSE,
        },
        misbehaviour.send_garbage,
    ),
    "poison": FaultKind(
        "send a stanza that no client of this version knows, to devices that are logged in",
        {"kind": Parameter("which one: see the sandbox's documentation", None, one_of(POISON)), **_WHOSE},
        misbehaviour.send_poison,
    ),
    "close-pairing": FaultKind(
        "cut the line of a device that is being linked, once, at one step of it",
        {
            "step": Parameter(
                "; ".join(f"{step}: {said}" for step, said in CLOSING_STEPS.items()), None, one_of(CLOSING_STEPS)
            )
        },
        misbehaviour.close_pairing,
    ),
    "passkey": FaultKind(
        "ask a device that is being linked for a passkey",
        {
            "when": Parameter(
                "scan: in place of linking, at the next scan; now: those that show codes",
                "scan",
                one_of(("scan", "now")),
            )
        },
        misbehaviour.ask_for_passkey,
    ),
    "clear": FaultKind("end every fault that lasts, and forget those that were to come", {}, misbehaviour.clear),
}
"""Every fault by its name."""


async def inject(sandbox: "Sandbox", name: str, parameters: Mapping[str, str]) -> str:
    """Carry out a fault; one with a duration goes on by itself and ends by itself.

    Returns one line that says what was done. Raises UsageError, in one line that says what would be right.
    """
    complete = check(name, parameters)
    done = await CATALOGUE[name].carry_out(sandbox, complete)
    sandbox.note("fault", name=name, **parameters)
    return done


def check(name: str, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Return a fault's parameters with what was left out; raises UsageError as `inject` does."""
    kind = CATALOGUE.get(name)
    if kind is None:
        message = f"no fault {name[:40]!r} is known; use one of {', '.join(CATALOGUE)}"
        raise UsageError(message)
    unknown = [each for each in parameters if each not in kind.parameters]
    if unknown:
        known = f"it takes {', '.join(kind.parameters)}" if kind.parameters else "it takes none"
        message = f"the fault {name} has no parameter {unknown[0][:40]!r}; {known}"
        raise UsageError(message)
    complete = {}
    for each, parameter in kind.parameters.items():
        text = parameters.get(each, parameter.default)
        if text is None:
            message = f"the fault {name} needs {each}=, {parameter.form.says}"
            raise UsageError(message)
        if text != parameter.default and not parameter.form.fits(text):
            message = f"the fault {name} cannot have {each}={text[:40]!r}; write {parameter.form.says}"
            raise UsageError(message)
        complete[each] = text
    return complete


async def clear(sandbox: "Sandbox") -> str:
    """End every fault that lasts, and forget those that were to come; returns what was done."""
    return await inject(sandbox, "clear", {})


def parse_script(text: str | bytes) -> Script:
    """Read a script: a JSON list of objects `{"after_s": 2, "fault": "drop", "parameters": {"number": "4915..."}}`.

    `after_s` (0 when left out) counts from the step before; parameters may be texts or numbers. Raises UsageError, in
    one line, for anything else, also for a fault or a parameter that is not known.
    """
    try:
        written = msgspec.json.decode(text, type=list[_Written])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f'this is no script ({error}); write a list like [{{"after_s": 2, "fault": "drop"}}]'
        raise UsageError(message) from None
    script = []
    for number, each in enumerate(written, 1):
        parameters = {name: str(value) for name, value in each.parameters.items()}
        if not SECONDS.fits(str(each.after_s)):
            message = f"step {number} of the script: after_s is {SECONDS.says}"
            raise UsageError(message)
        try:
            check(each.fault, parameters)
        except UsageError as error:
            message = f"step {number} of the script: {error}"
            raise UsageError(message) from None
        script.append(Step(each.after_s, each.fault, parameters))
    return tuple(script)


async def play(sandbox: "Sandbox", script: Script) -> list[str]:
    """Carry out a script from its first step to its last; returns what was done, line by line.

    A fault that lasts does not hold up the next step; one that concerns nobody who is there is passed over. Otherwise
    raises UsageError as `inject` does.
    """
    done = []
    for step in script:
        await asyncio.sleep(step.after_s)
        try:
            done.append(await inject(sandbox, step.fault, step.parameters))
        except misbehaviour.NobodyThereError as error:
            sandbox.note("fault_missed", name=step.fault, **step.parameters)
            done.append(f"passed over {step.fault}: {error}")
    return done


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A step as it is written in JSON."""

    fault: str
    after_s: float = 0
    parameters: dict[str, str | int | float] = {}
