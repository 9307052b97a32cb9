"""A bot that says again what it hears; its test-mates tell how large its process is."""

import asyncio

from linda_bot import Message, Router

router = Router()


@router.command("tasks")
async def tasks(message: Message) -> None:
    """Tell how many tasks there are."""
    await message.reply(str(len(asyncio.all_tasks())))


@router.message()
async def echo(message: Message) -> None:
    """Say it again."""
    await message.reply(message.text)
