"""A handler that gets a file and sends one, through the whole of it."""

from pathlib import Path

from linda_bot.sandbox.server import Sandbox
from linda_bot.whatsapp.content import File
from tests.e2e.conftest import BOT, FRIEND, StartBot

HANDLERS = """
from linda_bot import Router, filters

router = Router()

@router.message(filters.media("document"))
async def send_back(message):
    path = await message.download()
    await message.react("\\N{THUMBS UP SIGN}")
    await message.reply_document(path.read_bytes()[::-1], file_name="back.txt", quote=True)
    await message.mark_read()
    path.unlink()
"""


async def test_a_file_is_got_and_sent_back(sandbox: Sandbox, start_bot: StartBot, tmp_path: Path) -> None:
    """Byte by byte; what was kept to be sent is gone afterwards."""
    handlers, given, got = tmp_path / "bot.py", tmp_path / "given.txt", tmp_path / "got.txt"
    handlers.write_text(HANDLERS)
    given.write_bytes(bytes(range(256)) * 40)
    bot = await start_bot("--handlers", handlers)
    await sandbox.phone(BOT).scan(await bot.qr_text())
    await bot.ready()
    async with sandbox.contact(FRIEND) as friend:
        await friend.send(BOT, File(kind="document", path=str(given), file_name="../../given.txt"))
        answers = [await friend.next_message(), await friend.next_message()]
        await friend.download(answers[1], got)

    assert [(answer.kind, answer.emoji) for answer in answers] == [("reaction", "\N{THUMBS UP SIGN}"), ("document", "")]
    assert answers[1].media is not None
    assert answers[1].media.file_name == "back.txt"
    assert answers[1].quoted is not None
    assert got.read_bytes() == given.read_bytes()[::-1]
    assert await bot.stop() == 0
    assert list((sandbox.directory / "bot" / "messages").glob("files-*/*")) == []
