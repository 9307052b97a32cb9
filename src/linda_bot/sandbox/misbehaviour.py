"""How each fault of the catalogue is carried out; parameters are texts that were checked before."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox import pairing
from linda_bot.sandbox.armed import EVERYBODY, Disguise
from linda_bot.sandbox.garbage import GARBAGE
from linda_bot.sandbox.poison import POISON, stanza_of

if TYPE_CHECKING:
    from linda_bot.sandbox.server import Sandbox
    from linda_bot.sandbox.session import Session

CERTIFICATES = ("tls", "noise")
"""What can be signed by the wrong one."""

_BANNED = 402

Parameters = Mapping[str, str]


class NobodyThereError(UsageError):
    """The fault concerns nobody who is there at the moment."""


async def drop(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Cut lines."""
    sessions = _sessions(sandbox, parameters)
    sandbox.drop(parameters["number"])
    return f"cut {_lines(sessions)}"


async def freeze(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Stop answering."""
    sessions = _sessions(sandbox, parameters)
    sandbox.freeze(parameters["number"])
    return f"froze {_lines(sessions)}"


async def half_open(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Forget sessions."""
    sessions = _sessions(sandbox, parameters)
    sandbox.half_open(parameters["number"])
    return f"forgot who is on {_lines(sessions)}"


async def refuse(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Do not listen for a while."""

    async def end() -> None:
        await sandbox.listen()

    await sandbox.lasting.end("refuse")
    await sandbox.front.close()
    return await _last(sandbox, "refuse", parameters, end, "everybody is dropped and dialling is refused")


async def bad_gateway(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Answer with 502 for a while."""

    async def end() -> None:
        sandbox.front.refuse = False

    await sandbox.lasting.end("bad-gateway")
    sandbox.front.refuse = True
    return await _last(sandbox, "bad-gateway", parameters, end, "new connections are answered with 502")


async def black_hole(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Never answer new connections for a while."""

    async def end() -> None:
        sandbox.front.black_hole = False

    await sandbox.lasting.end("black-hole")
    sandbox.front.black_hole = True
    return await _last(sandbox, "black-hole", parameters, end, "new connections are never answered")


async def slow_link(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Delay frames for a while."""
    number = parameters["number"]
    name = f"slow-link {number}".rstrip()

    async def end() -> None:
        sandbox.armed.delay(number, 0)

    await sandbox.lasting.end(name)
    sandbox.armed.delay(number, int(parameters["delay_ms"]) / 1000)
    whose = number or "everybody"
    return await _last(sandbox, name, parameters, end, f"frames of {whose} are {parameters['delay_ms']} ms late")


async def login_failure(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Refuse logins."""
    code, count, number = int(parameters["code"]), int(parameters["count"]), parameters["number"]
    ban = {"code": parameters["ban_code"], "expire": parameters["expire_s"]} if code == _BANNED else {}
    sandbox.fail_next_login(code, count=count, number=number, **ban)
    return f"the next {_times(count, 'login')} of {number or 'anybody'} will be refused with {code}"


async def silent_login(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Leave logins unanswered."""
    count, number = int(parameters["count"]), parameters["number"]
    sandbox.armed.silent_logins.add(True, count=count, number=number)  # noqa: FBT003 (it happens)
    return f"the next {_times(count, 'login')} of {number or 'anybody'} will not be answered"


async def lose_ack(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Take messages without a word."""
    count, number = int(parameters["count"]), parameters["number"]
    sandbox.armed.lost_acks.add(True, count=count, number=number)  # noqa: FBT003 (it happens)
    return f"the next {_times(count, 'message')} from {number or 'anybody'} will be delivered and not acknowledged"


async def refuse_message(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Refuse messages."""
    code, count, number = parameters["code"], int(parameters["count"]), parameters["number"]
    sandbox.armed.message_errors.add(code, count=count, number=number)
    return f"the next {_times(count, 'message')} from {number or 'anybody'} will be refused with {code}"


async def double_message(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Deliver messages twice."""
    count, number = int(parameters["count"]), parameters["number"]
    sandbox.armed.doubles.add(True, count=count, number=number)  # noqa: FBT003 (it happens)
    return f"the next {_times(count, 'message')} to {number or 'anybody'} will be delivered twice"


async def stream_error(sandbox: "Sandbox", parameters: Parameters) -> str:
    """End streams."""
    sessions = _sessions(sandbox, parameters)
    await sandbox.stream_error(parameters["number"], parameters["kind"])
    return f"ended {_lines(sessions)} with {parameters['kind']}"


async def remove_device(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Remove devices."""
    number = parameters["number"]
    devices = sandbox.registry.device_ids(number)[1:]
    if not devices:
        message = f"{number} has no linked device that could be removed"
        raise NobodyThereError(message)
    await sandbox.remove_device(number)
    return f"removed {_times(len(devices), 'device')} of {number}"


async def bad_certificate(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Show false certificates."""
    kind, connections, for_s = parameters["kind"], parameters["connections"], parameters["for_s"]
    if connections and for_s:
        message = "the fault bad-certificate takes connections= or for_s=, not both"
        raise UsageError(message)
    name = f"bad-certificate {kind}"
    allowance = sandbox.armed.false_tls if kind == "tls" else sandbox.armed.false_noise

    async def end() -> None:
        allowance.give(0)

    await sandbox.lasting.end(name)
    if for_s:
        allowance.give()
        return await _last(sandbox, name, parameters, end, f"new connections are shown a false certificate ({kind})")
    count = int(connections or 1)
    allowance.give(count)
    return f"the next {_times(count, 'connection')} will be shown a false certificate ({kind})"


async def send_garbage(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Send garbage."""
    sessions = _sessions(sandbox, parameters)
    for session in sessions:
        GARBAGE[parameters["kind"]].send(session)
    return f"sent garbage ({parameters['kind']}) on {_lines(sessions)}"


async def send_poison(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Send poison, or prepare a message to be it."""
    kind, number = parameters["kind"], parameters["number"]
    poison = POISON[kind]
    stanza = stanza_of(poison)
    if stanza is None:
        sandbox.armed.disguises.add(Disguise(poison.disguise, poison.share), number=number)
        return f"the next message to {number or 'anybody'} will be poison ({kind})"
    sessions = _sessions(sandbox, parameters)
    for session in sessions:
        await session.send(stanza)
    return f"sent poison ({kind}) on {_lines(sessions)}"


async def close_pairing(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Cut a line while it pairs."""
    step = parameters["step"]
    waiting = sandbox.unlinked_sessions()
    if step == "after-codes" and waiting:
        for session in waiting:
            session.cut()
        return f"cut {_lines(waiting)} that showed codes"
    sandbox.armed.close_pairing(step)
    return f"the next device that is linked will be cut off ({step})"


async def ask_for_passkey(sandbox: "Sandbox", parameters: Parameters) -> str:
    """Ask for a passkey."""
    if parameters["when"] == "scan":
        sandbox.armed.passkey.give(1)
        return "the next device that is scanned will be asked for a passkey"
    waiting = sandbox.unlinked_sessions()
    if not waiting:
        message = "no device shows codes; write when=scan to ask the next one"
        raise NobodyThereError(message)
    for session in waiting:
        await pairing.ask_for_passkey(session)
    return f"asked for a passkey on {_lines(waiting)}"


async def clear(sandbox: "Sandbox", _: Parameters) -> str:
    """End what lasts and forget what was to come."""
    ended = await sandbox.lasting.clear()
    sandbox.armed.clear()
    return f"ended {', '.join(ended) or 'nothing'}, and nothing is to come"


async def _last(
    sandbox: "Sandbox", name: str, parameters: Parameters, end: Callable[[], Awaitable[None]], what: str
) -> str:
    for_s = float(parameters["for_s"])
    await sandbox.lasting.begin(name, for_s, end)
    return f"for {for_s:g} s, {what}"


def _sessions(sandbox: "Sandbox", parameters: Parameters) -> "list[Session]":
    """Return whom it concerns; raises NobodyThereError."""
    number = parameters["number"]
    found = sandbox.sessions_of(number)
    if not found:
        who = f"no device of {number} is" if number != EVERYBODY else "nobody is"
        message = f"{who} logged in; start a client on the sandbox first"
        raise NobodyThereError(message)
    return found


def _lines(sessions: "list[Session]") -> str:
    return _times(len(sessions), "line")


def _times(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
