"""Receipts, for a bot that asks for them."""

import asyncio
from pathlib import Path

from linda_bot.sandbox.server import Sandbox
from tests.e2e.conftest import BOT, FRIEND, StartBot

HANDLERS = """
from pathlib import Path
from linda_bot import Router

router = Router()
TOLD = Path(__file__).with_name("told")

@router.on_receipt
async def note(receipt):
    with TOLD.open("a") as file:
        file.write(f"{receipt.kind} {len(receipt.ids)}\\n")
"""


async def test_an_author_is_told_that_an_answer_was_delivered(
    sandbox: Sandbox, start_bot: StartBot, tmp_path: Path
) -> None:
    """By the contact's own library, which shows no presence; without the setting nothing of it is heard."""
    handlers, told = tmp_path / "bot.py", tmp_path / "told"
    handlers.write_text(HANDLERS)
    bot = await start_bot("--handlers", handlers, LINDA_OUTBOX__RECEIPTS="true")
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    async with sandbox.contact(FRIEND) as friend:
        assert (await friend.ask(BOT, "!ping")).text == "pong"
        async with asyncio.timeout(5):
            while not told.exists() or "inactive 1" not in told.read_text():
                await asyncio.sleep(0.02)
        assert await bot.stop() == 0

        told.unlink()
        bot = await start_bot("--handlers", handlers)
        await bot.ready()
        assert (await friend.ask(BOT, "!ping")).text == "pong"
        await asyncio.sleep(0.3)
    assert not told.exists()
