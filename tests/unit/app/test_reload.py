"""New handlers, same link."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from linda_bot.app.reload import Reloader
from linda_bot.kernel.bus import EventBus
from linda_bot.messaging.events import HandlersKept, HandlersReloaded
from linda_bot.messaging.loading import load_handlers
from linda_bot.messaging.router import Router

BOT = "from linda_bot import Router\nrouter = Router()\n@router.command({name!r})\nasync def it(message): ...\n"


@pytest.mark.slow
async def test_a_change_is_taken_over_and_a_mistake_is_not(tmp_path: Path) -> None:
    """The old handlers go on until the mistake is mended."""
    file = tmp_path / "reloaded_bot.py"
    file.write_text(BOT.format(name="one"))
    loaded = load_handlers(str(file))
    routers = [loaded.router]
    bus = EventBus()

    def exchange(router: Router) -> None:
        routers.append(router)

    with bus.subscribe((HandlersReloaded, HandlersKept), name="test") as told:
        reloading = asyncio.create_task(Reloader(str(file), loaded, exchange, bus).run())
        await asyncio.sleep(0.1)
        file.write_text(BOT.format(name="second"))
        assert isinstance(await told.next_within(5), HandlersReloaded)
        file.write_text("this is no Python")
        kept = await told.next_within(5)
        file.write_text(BOT.format(name="third"))
        assert isinstance(await told.next_within(5), HandlersReloaded)
        reloading.cancel()
        with suppress(asyncio.CancelledError):
            await reloading

    assert isinstance(kept, HandlersKept)
    assert "line 1" in kept.error
    assert [list(router.commands) for router in routers] == [["one"], ["second"], ["third"]]
