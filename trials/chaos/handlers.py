"""The bot that has to live through it: it says again what it hears, some of it a moment later."""

import asyncio
from random import uniform

from linda_bot import Message, Router

router = Router()
_LONGEST_WAIT_S = 0.2


@router.command("tasks")
async def tasks(message: Message) -> None:
    """Tell how many tasks there are."""
    await message.reply(f"tasks {len(asyncio.all_tasks())}")


@router.message()
async def echo(message: Message) -> None:
    """Say it again."""
    await asyncio.sleep(max(0.0, uniform(-_LONGEST_WAIT_S, _LONGEST_WAIT_S)))
    await message.reply(f"re {message.text}")
