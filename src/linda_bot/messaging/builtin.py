"""The commands that every bot has."""

from collections.abc import Callable

from linda_bot.messaging.message import Message
from linda_bot.messaging.router import Router


def builtin_router(prefix: str, status: Callable[[], str], all_routers: Callable[[], tuple[Router, ...]]) -> Router:
    """Return a router with `ping`, `status` and `help`."""
    router = Router()

    @router.command("ping", help="answers pong")
    async def ping(message: Message) -> None:
        await message.reply("pong")

    @router.command("status", help="how the bot is")
    async def show_status(message: Message) -> None:
        await message.reply(status())

    @router.command("help", help="this list")
    async def show_help(message: Message) -> None:
        known: dict[str, str] = {}
        for each in all_routers():
            for name, command in each.commands.items():
                known.setdefault(name, command.help)
        lines = (f"{prefix}{name}  {text}".rstrip() for name, text in sorted(known.items()))
        await message.reply("\n".join(lines))

    return router
