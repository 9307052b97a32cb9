"""`linda-bot demo`."""

from linda_bot.sandbox.bot_process import BotProcess


async def test_the_demo_shows_what_it_promises() -> None:
    """Exit code 0, under 30 s, one pairing, every waiting message answered."""
    demo = await BotProcess.start("demo")
    try:
        code = await demo.exited(within_s=30)
    finally:
        await demo.close()

    assert code == 0, demo.screen
    assert any("3 of 3" in line for line in demo.lines)
    assert any("The bot ended without a word" in line for line in demo.lines)
    assert "All of it happened" in demo.lines[-1]
