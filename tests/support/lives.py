"""Histories as a person would write them down: `09:00 what key=value`, and the stories that they come to."""

import json
from datetime import UTC, datetime, timedelta

from linda_bot.connection.ledger.account import Account, give_account
from linda_bot.connection.ledger.answer import Answer, answer
from linda_bot.connection.ledger.entries import read_entries

DAY = datetime(2026, 2, 7, tzinfo=UTC)


def history(text: str) -> list[dict[str, object]]:
    """Return the entries of lines `[+DAYS ]HH:MM[:SS] what [fact=JSON, ...]`; a value that is no JSON is a text."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return [_entry(each) for line in lines for each in _written_out(line)]


def _written_out(line: str) -> list[str]:
    """Return the entries of a start that goes well for `HH:MM up`."""
    if not line.endswith(" up"):
        return [line]
    at = line.removesuffix(" up")
    return [f"{at} daemon_started before=in_order", f"{at} restoring finding=session_found", f"{at}:0.4 connected"]


def account_of(text: str) -> Account:
    """Return what such a history comes to, told in UTC."""
    return give_account(read_entries(history(text)), UTC)


def story_of(account: Account) -> list[str]:
    """Return a story as lines, details indented."""
    lines = []
    for chapter in account.chapters:
        lines.append(f"{chapter.at:%H:%M} {chapter.sentence}")
        lines += [f"  {detail}" for detail in chapter.details]
    return lines


def answer_to(account: Account, *, hours: float, running: bool | None = True) -> Answer:
    """Return the answer so many hours after midnight of the first day."""
    return answer(account, now=DAY + timedelta(hours=hours), running=running, zone=UTC)


def _entry(line: str) -> dict[str, object]:
    days = 0
    if line.startswith("+"):
        first, line = line.split(" ", 1)
        days = int(first)
    clock, what, *rest = line.split(" ", 2)
    hour, minute, *second = (float(part) for part in clock.split(":"))
    at = DAY + timedelta(days=days, hours=hour, minutes=minute, seconds=second[0] if second else 0)
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": stamp, "eventType": what, **_facts(rest[0] if rest else "")}


def _facts(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for pair in filter(None, text.split(" | ")):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found
