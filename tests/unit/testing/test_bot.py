"""The bot of the test kit: a message in, what the bot does, what went out."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linda_bot import (
    DownloadError,
    Message,
    Outgoing,
    Router,
    SendError,
    SkipHandler,
    State,
    UsageError,
    allow_only,
    filters,
    rate_limit,
)
from linda_bot.testing import ANN, BOB, GROUP, Contact, MakeBot, Sent, TestBot, messages, stage
from linda_bot.whatsapp.content import File


@pytest.fixture
def router() -> Router:
    """A router with nothing in it."""
    return Router()


@pytest.fixture
async def bot(router: Router) -> AsyncIterator[TestBot]:
    """A bot with what a test puts into the router; it starts with the first message."""
    made = TestBot(router, owners=[ANN])
    yield made
    await made.stop()
    made.close()


async def test_a_command_with_arguments(bot: TestBot, router: Router) -> None:
    """What was sent, to whom, by which handler."""

    @router.command("add")
    async def add(message: Message, first: int, second: int) -> None:
        await message.reply(str(first + second))

    answers = await bot.feed("!add 2 3")

    assert answers.texts == ["5"]
    assert answers.handler == "add"
    assert answers[0].number == ANN.number
    assert (answers[0].kind, answers[0].joined, answers[0].quoted) == ("text", 1, "")
    assert (await bot.feed("!add 2 x")).texts == ['SECOND must be a whole number, not "x"\nUsage: !add FIRST SECOND']
    assert (await bot.feed("!ping")).texts == ["pong"]
    assert len(bot.sent) == 3


async def test_what_no_handler_wants(bot: TestBot) -> None:
    """It is told why nothing came."""
    answers = await bot.feed("hi")

    assert not answers
    assert answers.ignored == "no handler"
    bot.assert_ignored()
    assert repr(answers) == "<answers to text 'hi', which was not handled: no handler: nothing>"


async def test_a_message_that_comes_twice_is_handled_once(bot: TestBot) -> None:
    """By its id, as on WhatsApp."""
    message = messages.text("!ping")
    await bot.feed(message)

    answers = await bot.feed(message)

    assert not answers
    assert answers.ignored == "the same message came before"


async def test_an_error_of_a_handler_comes_out(bot: TestBot, router: Router) -> None:
    """With its own traceback; its answers are not sent; the next message is handled."""

    @router.command("boom")
    async def boom(message: Message) -> None:
        await message.reply("almost")
        raise ZeroDivisionError("boom")

    with pytest.raises(ZeroDivisionError, match="boom") as caught:
        await bot.feed("!boom")
    assert caught.traceback[-1].name == "boom"
    bot.assert_silent()
    answers = await bot.feed("!boom", check=False)
    assert answers.ignored.startswith("its handler failed")
    assert [(failure.handler, failure.is_last) for failure in bot.failures] == [("boom", True)] * 2
    assert (await bot.feed("!ping")).texts == ["pong"]


async def test_what_goes_wrong_after_a_handler_comes_out_too(bot: TestBot, router: Router) -> None:
    """Here a state that cannot be kept."""

    @router.command("keep")
    async def keep(message: Message, state: State) -> None:
        state["lock"] = object()

    with pytest.raises(RuntimeError, match="the handler keep: TypeError"):
        await bot.feed("!keep")


async def test_an_error_that_is_dealt_with_does_not(bot: TestBot, router: Router) -> None:
    """The author's error handlers are asked as in the real bot."""

    @router.command("boom")
    async def boom(message: Message) -> None:
        raise ZeroDivisionError

    @router.error
    async def sorry(message: Message, error: Exception) -> None:
        await message.reply("sorry")

    await bot.feed("!boom")

    bot.assert_replied("sorry")
    assert not bot.failures


async def test_a_handler_that_fails_is_tried_again(router: Router) -> None:
    """As often as the setting says, in no time; what succeeds at last is no error."""
    tried: list[int] = []

    @router.message()
    async def third_time(message: Message) -> None:
        tried.append(1)
        if len(tried) % 3:
            raise OSError("not yet")
        await message.reply("done")

    began = time.monotonic()
    async with TestBot(router, tries=3) as bot:
        answers = await bot.feed("go")

        assert answers.texts == ["done"]
        assert [failure.is_last for failure in bot.failures] == [False, False]
    assert time.monotonic() - began < 2


async def test_a_handler_that_takes_too_long(router: Router) -> None:
    """Its sleep takes no time, and is over at the deadline."""

    @router.command("slow", timeout=60)
    async def slow(message: Message, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await message.reply("done")

    began = time.monotonic()
    async with TestBot(router) as bot:
        assert (await bot.feed("!slow 59")).texts == ["done"]
        with pytest.raises(TimeoutError, match="slow: it took longer than 60 s"):
            await bot.feed("!slow 61")
    assert time.monotonic() - began < 2


async def test_time_is_passed_on_request(bot: TestBot, router: Router) -> None:
    """What is due meanwhile happens, in its order and at its time; dates go along."""
    tasks: set[asyncio.Task[None]] = set()
    moments: list[float] = []

    async def every_minute(message: Message) -> None:
        for _ in range(3):
            await asyncio.sleep(60)
            moments.append(message.age.total_seconds())
            await message.reply(f"minute {len(moments)}")

    @router.command("remind")
    async def remind(message: Message) -> None:
        tasks.add(asyncio.create_task(every_minute(message)))
        await message.reply("ok")

    assert (await bot.feed("!remind")).texts == ["ok"]
    before = bot.now
    assert (await bot.advance(59)).texts == []
    assert (await bot.advance(1)).texts == ["minute 1"]
    assert (await bot.advance(3600)).texts == ["minute 2", "minute 3"]
    assert moments == pytest.approx([60, 120, 180], abs=3)
    assert (bot.now - before).total_seconds() == pytest.approx(3660, abs=3)
    late = messages.text()
    assert abs((bot.now - late.sent_at).total_seconds()) < 3


async def test_a_rate_limit_is_over_after_its_time(bot: TestBot, router: Router) -> None:
    """Middlewares are the real ones."""
    router.use(rate_limit(1, per_s=60, reply="slowly"))

    @router.command("go")
    async def go(message: Message) -> None:
        await message.reply("went")

    assert [(await bot.feed("!go")).texts for _ in range(3)] == [["went"], ["slowly"], []]
    await bot.advance(61)
    assert (await bot.feed("!go")).texts == ["went"]


async def test_what_waits_for_the_test_is_told(bot: TestBot, router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that waits for something else than time cannot be waited for."""
    monkeypatch.setattr(stage, "PATIENCE_S", 0.1)
    go = asyncio.Event()

    @router.command("wait")
    async def wait(message: Message) -> None:
        await go.wait()
        await message.reply("went")

    with pytest.raises(TimeoutError, match=r"'!wait' is still being handled.*asyncio\.create_task"):
        await bot.feed("!wait")
    feeding = asyncio.create_task(bot.feed("!wait", sender=BOB))
    await asyncio.sleep(0.02)
    go.set()
    assert (await feeding).texts == ["went"]


async def test_several_at_once(bot: TestBot, router: Router) -> None:
    """Each knows its own answers; conversations are handled side by side."""

    @router.message()
    async def echo(message: Message) -> None:
        await asyncio.sleep(1)
        await message.reply(message.text)

    senders = [Contact(f"Person {n}", f"4915100000{n:03}") for n in range(20)]

    found = await asyncio.gather(*(bot.feed(f"from {who.name}", sender=who) for who in senders))

    assert [answers.texts for answers in found] == [[f"from {who.name}"] for who in senders]


async def test_state_and_messages_outlive_a_restart(bot: TestBot, router: Router) -> None:
    """What was broken off by a kill is handled again, with its answers once."""
    begun: list[str] = []
    hold = asyncio.Event()

    @router.command("count")
    async def count(message: Message, state: State) -> None:
        state["n"] = state.get("n", 0) + 1
        await message.reply(str(state["n"]))

    @router.command("long")
    async def long(message: Message) -> None:
        begun.append(message.id)
        await hold.wait()
        await message.reply(f"backlog: {message.is_backlog}")

    await bot.feed("!count")
    await bot.restart()
    assert (await bot.feed("!count")).texts == ["2"]
    assert (await bot.feed("!count", sender=BOB)).texts == ["1"]

    feeding = asyncio.create_task(bot.feed("!long"))
    await asyncio.sleep(0.02)
    await bot.kill()
    feeding.cancel()
    hold.set()
    answers = await bot.restart()

    assert answers.texts == ["backlog: True"]
    assert len(begun) == 2


async def test_hooks(router: Router) -> None:
    """They run at the start and at the end, not after a kill; an error of one comes out."""
    seen: list[str] = []

    @router.on_startup
    async def begin() -> None:
        seen.append("start")

    @router.on_shutdown
    async def end() -> None:
        await asyncio.sleep(0)
        seen.append("stop")

    async with TestBot(router) as bot:
        await bot.bot.send_text(BOB.number, "hello")
        answers = await bot.advance(0)
        bot.assert_sent_to(BOB, "hello")
        assert len(answers) == 1
        await bot.kill()
        assert seen == ["start"]
        await bot.start()
    assert seen == ["start", "start", "stop"]

    @router.on_startup
    async def fail() -> None:
        raise OSError("no database")

    bot = TestBot(router)
    with pytest.raises(OSError, match="no database"):
        await bot.start()
    bot.close()


async def test_files_both_ways(bot: TestBot, router: Router, tmp_path: Path) -> None:
    """What is downloaded is what the message was made with, and what goes out is seen."""

    @router.message(filters.media())
    async def back(message: Message) -> None:
        path = await message.download(tmp_path)
        await message.reply_document(path, file_name="copy.bin", caption="yours", quote=True)
        await message.react("👍")
        await message.mark_read()

    image = messages.image(b"\xff\xd8pixels", caption="look")
    answers = await bot.feed(image)

    assert [sent.file for sent in answers.files] == [b"\xff\xd8pixels"]
    assert answers.captions == ["yours"]
    assert (answers[0].kind, answers[0].file_name, answers[0].quoted) == ("document", "copy.bin", image.id)
    assert answers.reactions == ["👍"]
    bot.assert_reacted("👍")
    bot.assert_replied(re.compile("you"), kind="document")
    assert bot.read == [image.id]
    with pytest.raises(DownloadError, match="does not keep this file"):
        await bot.feed(messages.image(gone=True))


async def test_all_that_can_be_sent(bot: TestBot, router: Router) -> None:
    """Each is shown in its own words."""
    sent: list[Outgoing] = []

    @router.command("all")
    async def everything(message: Message) -> None:
        sent.append(await message.reply("@15550001111", mentions=[BOB.number]))
        await message.reply_location(1, 2, "Here")
        await message.reply_contact("Bob", BOB.number)
        await message.reply_poll("Tea?", ["yes", "no"])
        await bot.bot.edit_text(message.chat, await sent[0].confirmed(), "new")
        await bot.bot.delete_message(message.chat, await sent[0].confirmed())

    answers = await bot.feed("!all")

    assert sorted(each.kind for each in answers) == ["contact", "delete", "edit", "location", "poll", "text"]
    by_kind = {each.kind: each for each in answers}
    assert by_kind["text"].mentions == (f"{BOB.number}@s.whatsapp.net",)
    assert by_kind["poll"].text == "Tea?"
    assert by_kind["edit"].target == by_kind["delete"].target == by_kind["text"].id
    assert len(answers.replies) == 4


async def test_groups_owners_and_the_own_account(bot: TestBot, router: Router) -> None:
    """Who says it where decides, by the real filters."""
    router.use(allow_only(ANN.number, "971505760056"))

    @router.message(filters.owner & filters.group & ~filters.forwarded)
    async def in_group(message: Message) -> None:
        await message.reply("group")

    @router.message(filters.private & filters.mentioned(BOB.number))
    async def mentioned(message: Message) -> None:
        await message.reply("mentioned")

    @router.message(filters.from_me)
    async def mine(message: Message) -> None:
        raise SkipHandler

    await bot.feed("hi", group=GROUP)
    bot.assert_sent_to(GROUP, "group")
    bot.assert_handled_by("test_groups_owners_and_the_own_account.<locals>.in_group")
    assert not await bot.feed("hi", group=GROUP, sender=BOB)
    assert not await bot.feed("hi", group=GROUP, forwarded=True)
    assert (await bot.feed("hi", mentions=["15550001111"])).texts == ["mentioned"]
    assert not await bot.feed("hi", from_me=True)
    assert not await bot.feed("hi", status=True)


async def test_answers_that_follow_on_the_bots_own(bot: TestBot, router: Router) -> None:
    """A reaction to an answer, a quotation of one, a receipt for one."""
    seen: list[str] = []

    @router.reaction()
    async def reacted(message: Message) -> None:
        seen.append(f"{message.emoji} {message.target}")

    @router.message(filters.quoted)
    async def quoting(message: Message) -> None:
        assert message.quoted is not None
        seen.append(f"{message.quoted.kind} {message.quoted.text}")

    @router.on_receipt
    async def confirmed(receipt: object) -> None:
        seen.append(receipt.kind)  # type: ignore[attr-defined]

    (pong,) = await bot.feed("!ping")
    await bot.feed(messages.reaction("👍", pong))
    await bot.feed("why?", quoted=pong)
    await bot.receipt("read", pong)

    assert seen == [f"👍 {pong.id}", "text pong", "read"]


async def test_what_whatsapp_refuses(bot: TestBot, router: Router) -> None:
    """The handler that waits for it is told."""

    @router.command("sure")
    async def sure(message: Message) -> None:
        outgoing = await message.reply("hello")
        try:
            await outgoing.confirmed()
        except SendError as error:
            await message.reply(f"no: {error}")

    bot.refuse("server returned error 479")

    assert (await bot.feed("!sure")).texts == ["no: message failed: server returned error 479"]
    assert (await bot.feed("!sure")).texts == ["hello"]


async def test_a_link_that_is_down(bot: TestBot) -> None:
    """Answers wait, and go out when it is back; those that may be joined are one message."""
    await bot.start()
    with bot.offline():
        assert not await bot.feed("!ping")
        assert not await bot.feed("!ping")

    assert (await bot.advance(0)).texts == ["pong", "pong"]


async def test_answers_that_are_sent_as_one(bot: TestBot, router: Router) -> None:
    """It is seen how many there are in a message."""

    @router.command("lines")
    async def lines(message: Message) -> None:
        for number in range(3):
            await message.reply(f"line {number}", joinable=True)

    (sent,) = await bot.feed("!lines")

    assert (sent.text, sent.joined) == ("line 0\nline 1\nline 2", 3)


async def test_the_backlog(router: Router) -> None:
    """What waited at WhatsApp is known, and left out if the setting says so."""

    @router.message()
    async def echo(message: Message) -> None:
        await message.reply(f"backlog: {message.is_backlog}")

    async with TestBot(router, backlog_within_s=0) as bot:
        assert (await bot.feed("hi")).texts == ["backlog: False"]
        assert (await bot.feed("hi", backlog=True)).ignored == "it waited while the bot was down"
    async with TestBot(router) as bot:
        assert (await bot.feed("hi", backlog=True)).texts == ["backlog: True"]


async def test_asserts_say_what_came_instead(bot: TestBot, router: Router) -> None:
    """Nobody has to look for it."""
    await bot.feed("!ping")

    bot.assert_replied()
    bot.assert_replied("pong", kind="text")
    for claim, says in (
        (
            lambda: bot.assert_replied("ping"),
            r"a reply 'ping', but: <answers to text '!ping' by the handler ping: <text",
        ),
        (lambda: bot.assert_replied(re.compile("x"), kind="image"), "a reply of kind image with 'x', but"),
        (bot.assert_no_reply, "no reply, but: .*'pong' to 4915112345678"),
        (bot.assert_silent, "nothing was sent, but"),
        (lambda: bot.assert_reacted("👍"), "the reaction 👍, but"),
        (lambda: bot.assert_sent_to(BOB, "pong"), "a message to Bob 'pong', but"),
        (lambda: bot.assert_handled_by("pong"), "the handler pong, but"),
        (bot.assert_ignored, "no handler wanted it, but"),
    ):
        with pytest.raises(AssertionError, match=says):
            claim()


async def test_handlers_by_name_of_their_file(make_bot: MakeBot, tmp_path: Path) -> None:
    """As `--handlers` has it, with another prefix."""
    file = tmp_path / "some_bot.py"
    file.write_text(
        "from linda_bot import Router\nrouter = Router()\n"
        "@router.command('hi')\nasync def hi(message): await message.reply('hi')\n"
    )
    bot = make_bot(handlers=file, prefix="/")

    assert (await bot.feed("/hi")).texts == ["hi"]
    assert (await bot.feed("/help")).texts[0].startswith("/help")


async def test_wrong_questions(bot: TestBot, router: Router) -> None:
    """They are answered in one line."""
    with pytest.raises(UsageError, match="has its options already"):
        await bot.feed(messages.text("hi"), sender=BOB)
    with pytest.raises(UsageError, match="start the bot first"):
        _ = TestBot().bot
    with pytest.raises(UsageError, match="an owner is known by a phone number"):
        TestBot(owners=["1@lid"])
    router.command("lost")
    with pytest.raises(UsageError, match=r"@router.command\('lost'\) has no function below it"):
        TestBot(router)


def test_a_bot_serves_one_loop_after_the_other(router: Router) -> None:
    """In a test without an async plugin; at the end of a loop the bot ends in order."""
    ended: list[int] = []

    @router.on_shutdown
    async def end() -> None:
        await asyncio.sleep(0)
        ended.append(1)

    bot = TestBot(router)

    async def story() -> list[str]:
        return (await bot.feed("!ping")).texts

    assert asyncio.run(story()) == ["pong"]
    assert ended == [1]
    assert asyncio.run(story()) == ["pong"]
    bot.close()
    assert ended == [1, 1]


async def test_it_is_fast(bot: TestBot, router: Router) -> None:
    """Far below what a person notices; the limits are generous, for machines that are busy."""
    began = time.perf_counter()
    await bot.start()
    started = time.perf_counter()
    for _ in range(100):
        await bot.feed("!ping")
    took = time.perf_counter() - started

    assert started - began < 0.5
    assert took / 100 < 0.02


def test_what_was_sent_is_readable() -> None:
    """A failing assert shows it."""
    sent = Sent(
        id="A",
        chat=ANN.jid,
        chat_ids=frozenset(ANN.jids),
        content=File(kind="document", path="/x", caption="read", file_name="a.pdf"),
        at=messages.text().sent_at,
        file=b"123",
    )

    assert repr(sent) == "<document 'read' 'a.pdf', 3 bytes to 4915112345678>"
