"""The commands that every bot has."""

from collections.abc import Awaitable, Callable

from linda_bot.kernel.masking import printable
from linda_bot.messaging import filters
from linda_bot.messaging.arguments import choices_of, usage_of
from linda_bot.messaging.filter_algebra import admitted
from linda_bot.messaging.handlers import Candidate, Handler
from linda_bot.messaging.message import Message
from linda_bot.messaging.router import Router

_LONGEST_ECHO = 40


def builtin_router(
    prefix: str,
    status: Callable[[], Awaitable[str]],
    all_routers: Callable[[], tuple[Router, ...]],
    *,
    owned: bool = False,
) -> Router:
    """Return a router with `ping`, `status` and `help`; where the bot is `owned`, the status is its owners' alone."""
    router = Router()

    @router.command("ping", help="answers pong")
    async def ping(message: Message) -> None:
        await message.reply("pong")

    @router.command("status", *([filters.owner] if owned else []), help="how the bot is")
    async def show_status(message: Message) -> None:
        await message.reply(await status())

    @router.command("help", help="this list, or one command")
    async def show_help(message: Message, command: str = "") -> None:
        known = await _open_to(message, all_routers())
        if not command:
            await message.reply("\n".join(_line(known[name], prefix) for name in sorted(known)))
            return
        asked = command.removeprefix(prefix).lower()
        found = next((each for each in known.values() if asked in each.words), None)
        if found is None:
            shown = printable(command, _LONGEST_ECHO)
            await message.reply(f'There is no command "{shown}" for you; {prefix}help lists those that are.')
            return
        await message.reply("\n".join(_page(found, prefix)))

    return router


async def _open_to(message: Message, routers: tuple[Router, ...]) -> dict[str, Handler]:
    """Return the commands, by name, that are no secret and that the sender may use in this chat."""
    known: dict[str, Handler] = {}
    for candidate in (each for router in routers for each in router.candidates()):
        handler = candidate.handler
        is_listed = bool(handler.words) and handler.help is not None and handler.name not in known
        if is_listed and await _is_open(candidate, message):
            known[handler.name] = handler
    return known


async def _is_open(candidate: Candidate, message: Message) -> bool:
    try:
        return await admitted(candidate.filters, message)
    except Exception:  # noqa: BLE001 (a filter is a stranger's code; its error is told when the command is used)
        return False


def _line(handler: Handler, prefix: str) -> str:
    usage = f"{prefix}{handler.name} {usage_of(handler.parameters)}".rstrip()
    return f"{usage}  {handler.help}".rstrip()


def _page(handler: Handler, prefix: str) -> list[str]:
    others = [f"also: {', '.join(prefix + word for word in handler.words[1:])}"] if handler.words[1:] else []
    return [_line(handler, prefix), *choices_of(handler.parameters), *others]
