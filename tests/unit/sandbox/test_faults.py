"""The catalogue of faults: what it takes, what it refuses, and scripts of it."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox.faults import CATALOGUE, Step, check, clear, inject, parse_script, play
from linda_bot.sandbox.garbage import GARBAGE
from linda_bot.sandbox.poison import POISON
from linda_bot.sandbox.server import Sandbox
from tests.unit.sandbox.companion import link, online

ANN, BOB = "4915112345678", "15550001111"
DOCS = Path(__file__).parents[3] / "docs" / "sandbox.md"


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_explains_itself(name: str) -> None:
    """In one line each, and what counts when it is left out is right."""
    kind = CATALOGUE[name]

    assert kind.summary
    assert "\n" not in kind.summary
    for parameter in kind.parameters.values():
        assert parameter.summary
        assert "\n" not in parameter.summary
        assert not parameter.default or parameter.form.fits(parameter.default)


def test_the_documentation_lists_every_fault() -> None:
    """With its parameters, and every kind of garbage and poison."""
    text = DOCS.read_text()
    for name, kind in CATALOGUE.items():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{name}` |")), "")
        assert row, name
        for parameter in kind.parameters:
            assert f"`{parameter}" in row, (name, parameter)
    for kind_name in (*GARBAGE, *POISON):
        assert f"`{kind_name}`" in text


@pytest.mark.parametrize(
    ("name", "parameters", "right"),
    [
        ("no-such-fault", {}, "use one of drop, freeze"),
        ("drop", {"who": ANN}, "it takes number"),
        ("clear", {"number": ANN}, "it takes none"),
        ("stream-error", {}, "needs kind="),
        ("stream-error", {"kind": "two words"}, "a word of letters"),
        ("drop", {"number": "+49 151"}, "a phone number of 7 to 15 digits"),
        ("refuse", {"for_s": "soon"}, "a number of seconds"),
        ("refuse", {"for_s": "nan"}, "a number of seconds"),
        ("refuse", {"for_s": "-1"}, "a number of seconds"),
        ("refuse", {"for_s": ""}, "a number of seconds"),
        ("slow-link", {"delay_ms": "0.5"}, "a whole number of milliseconds"),
        ("login-failure", {"code": "22"}, "a code of three digits"),
        ("login-failure", {"code": "401", "count": "0"}, "a whole number from 1"),
        ("bad-certificate", {"kind": "paper"}, "one of tls, noise"),
        ("bad-certificate", {"connections": "1", "for_s": "1"}, "not both"),
        ("garbage", {"kind": "x" * 1000}, "one of random"),
        ("close-pairing", {"step": "later"}, "one of before-hello"),
        ("passkey", {"when": "now"}, "when=scan"),
        ("remove-device", {"number": ANN}, "no linked device"),
        ("drop", {}, "nobody is logged in"),
        ("freeze", {"number": ANN}, f"no device of {ANN} is logged in"),
    ],
)
async def test_what_is_refused(sandbox: Sandbox, name: str, parameters: Mapping[str, str], right: str) -> None:
    """In one line that says what would be right; nothing is noted as done."""
    with pytest.raises(UsageError) as refused:
        await inject(sandbox, name, parameters)

    assert right in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    assert sandbox.counts["fault"] == 0


def test_what_is_left_out_is_filled_in() -> None:
    """Every parameter is there afterwards."""
    assert check("login-failure", {"code": "503"}) == {
        "code": "503",
        "count": "1",
        "ban_code": "101",
        "expire_s": "3600",
        "number": "",
    }


async def test_an_injection_is_noted(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """With its name and parameters, and told in a line."""
    await online(sandbox, lines, await link(sandbox, ANN))
    said = await inject(sandbox, "drop", {"number": ANN})

    assert said == "cut 1 line"
    (note,) = [note for note in sandbox.notes if note.what == "fault"]
    assert note.facts == {"name": "drop", "number": ANN}


async def test_a_fault_that_lasts_ends_by_itself(sandbox: Sandbox) -> None:
    """And when it is begun anew it lasts from then on."""
    await inject(sandbox, "bad-gateway", {"for_s": "0.05"})
    said = await inject(sandbox, "bad-gateway", {"for_s": "0.1"})
    assert said == "for 0.1 s, new connections are answered with 502"
    await asyncio.sleep(0.07)
    assert sandbox.front.refuse
    await asyncio.sleep(0.07)
    assert not sandbox.front.refuse


async def test_everything_can_be_cleared(sandbox: Sandbox) -> None:
    """What lasts ends, what was to come is forgotten; once more does no harm."""
    for name in ("refuse", "bad-gateway", "black-hole", "slow-link"):
        await inject(sandbox, name, {"for_s": "60"})
    await inject(sandbox, "bad-certificate", {"kind": "noise", "for_s": "60"})
    await inject(sandbox, "login-failure", {"code": "401"})
    await inject(sandbox, "close-pairing", {"step": "before-hello"})
    await inject(sandbox, "poison", {"kind": "next-message-type"})
    await inject(sandbox, "passkey", {})
    said = await clear(sandbox)

    assert said.startswith("ended refuse, bad-gateway, black-hole, slow-link, bad-certificate noise")
    assert await clear(sandbox) == "ended nothing, and nothing is to come"
    async with AsyncExitStack() as lines:
        ann = await link(sandbox, ANN)
        await online(sandbox, lines, ann)


async def test_a_server_can_close_while_faults_last(tmp_path: Path) -> None:
    """Nothing is left running."""
    async with Sandbox(tmp_path) as sandbox:
        await inject(sandbox, "refuse", {"for_s": "60"})
        await inject(sandbox, "slow-link", {"for_s": "60"})
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("fault")] == []


async def test_a_script_is_played(sandbox: Sandbox) -> None:
    """Step by step, each its time after the one before."""
    script = parse_script(
        '[{"fault": "bad-gateway", "parameters": {"for_s": 60}},'
        ' {"after_s": 0.05, "fault": "login-failure", "parameters": {"code": 503, "count": "2"}},'
        ' {"after_s": 0.05, "fault": "clear"}]'
    )
    began = asyncio.get_running_loop().time()
    said = await play(sandbox, script)

    assert script[1] == Step(0.05, "login-failure", {"code": "503", "count": "2"})
    assert [line.split()[0] for line in said] == ["for", "the", "ended"]
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_a_step_that_concerns_nobody(sandbox: Sandbox) -> None:
    """It is passed over, and the script goes on."""
    said = await play(sandbox, parse_script('[{"fault": "drop"}, {"fault": "clear"}]'))

    assert said[0] == "passed over drop: nobody is logged in; start a client on the sandbox first"
    assert (sandbox.counts["fault_missed"], sandbox.counts["fault"]) == (1, 1)


async def test_listening_again_before_a_refusal_is_over(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Its end does no harm then."""
    await inject(sandbox, "refuse", {"for_s": "0.1"})
    await sandbox.restart()
    ann = await link(sandbox, ANN)
    client = await online(sandbox, lines, ann)
    await asyncio.sleep(0.15)
    await inject(sandbox, "drop", {"number": ANN})
    with pytest.raises(EOFError):
        await client.hear()
    await online(sandbox, lines, ann)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "this is no script"),
        ("{}", "this is no script"),
        ('[{"after_s": 1}]', "fault"),
        ('[{"fault": "drop", "after": 1}]', "after"),
        ('[{"fault": "drop", "parameters": {"number": [1]}}]', "this is no script"),
        ('[{"fault": "drop"}, {"fault": "nothing"}]', "step 2 of the script: no fault 'nothing'"),
        ('[{"fault": "drop", "after_s": -1}]', "step 1 of the script: after_s is a number of seconds"),
        ('[{"fault": "login-failure"}]', "step 1 of the script: the fault login-failure needs code="),
        (b"\xff", "this is no script"),
    ],
)
def test_what_is_no_script(text: str | bytes, wrong: str) -> None:
    """One line, before anything is done."""
    with pytest.raises(UsageError, match=re.escape(wrong)) as refused:
        parse_script(text)

    assert "\n" not in str(refused.value)


async def test_a_frozen_line_does_not_end_a_script(sandbox: Sandbox, lines: AsyncExitStack) -> None:
    """Ending a stream that nobody listens to is over at its time."""
    await online(sandbox, lines, await link(sandbox, BOB))
    async with asyncio.timeout(3):
        await inject(sandbox, "freeze", {"number": BOB})
        await inject(sandbox, "stream-error", {"kind": "503", "number": BOB})
