"""Sending without having been asked: kept on disk before the call returns."""

import asyncio
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.messaging.scene import SendError
from linda_bot.whatsapp.content import Card, File, Location, Question, Text
from linda_bot.whatsapp.port import ClientError
from tests.support.fake_client import NUMBER
from tests.support.mail_world import MailWorld

pytestmark = pytest.mark.looptime

ANN = "4915100000001@s.whatsapp.net"


async def test_a_text_survives_the_daemon_and_the_link(mail_path: Path) -> None:
    """Once the call has returned; a number is as good as a JID."""
    async with MailWorld(mail_path) as world:
        world.engine.lose_line()
        await asyncio.sleep(0.1)
        assert (await world.daemon.bot.send_text("+49 151 0000 0001", "hello")).key == 1
        await world.restart_daemon()
        await asyncio.sleep(1)
        assert world.whatsapp.heard == [(ANN, "hello")]
        assert world.daemon.bot.number == NUMBER


async def test_whoever_waits_is_told(mail_path: Path) -> None:
    """The id at WhatsApp, or what went wrong; as often as one asks."""
    async with MailWorld(mail_path) as world:
        outgoing = await world.daemon.bot.send_text(ANN, "hello")
        assert await outgoing.confirmed() == await outgoing.confirmed() == "S1"
        world.whatsapp.send_refusal = ClientError("no")
        outgoing = await world.daemon.bot.send_text(ANN, "hello")
        with pytest.raises(SendError, match="no"):
            await outgoing.confirmed()


async def test_every_kind(mail_path: Path) -> None:
    """In the order in which they were sent."""
    async with MailWorld(mail_path) as world:
        bot = world.daemon.bot
        await bot.send_text(ANN, "a", joinable=True)
        await bot.send_image(ANN, b"\x89PNG", caption="c")
        await bot.send_video(ANN, b"mp4")
        await bot.send_audio(ANN, b"mp3")
        await bot.send_voice(ANN, b"OggS", seconds=3)
        await bot.send_document(ANN, b"pdf", file_name="a.pdf")
        await bot.send_sticker(ANN, b"RIFF")
        await bot.send_location(ANN, 25.2, 55.3, "here")
        await bot.send_contact(ANN, "Ann", "+4915100000001")
        await bot.send_poll(ANN, "Who?", ["me", "you"])
        await asyncio.sleep(1)
        kinds = [type(content) for _, content in world.whatsapp.sent]
        assert kinds == [Text, *[File] * 6, Location, Card, Question]


@pytest.mark.parametrize("nobody", ["", "Ann", "12", "@s.whatsapp.net"])
async def test_whom_it_cannot_go_to(mail_path: Path, nobody: str) -> None:
    """It is said, and nothing is kept."""
    async with MailWorld(mail_path) as world:
        with pytest.raises(UsageError):
            await world.daemon.bot.send_text(nobody, "hello")
        assert (await world.daemon.store.counts()).pending == 0
