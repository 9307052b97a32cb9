"""Write docs/settings.md: every setting, what it means, its unit, what it may be, an example.

What a setting means stands in .env.example; its bounds, and the words for what is right, in the settings themselves.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError, create_model
from pydantic.fields import FieldInfo

from linda_bot.settings import Settings

_ROOT = Path(__file__).parents[1]
PAGE = _ROOT / "docs" / "settings.md"
_WORDS = _ROOT / ".env.example"

_HEAD = """# Settings

A setting is an environment variable, or a line in `.env` in the directory where the bot is started:

```sh
LINDA_HANDLERS=my_bot.py
LINDA_RECONNECT__DELAYS=[3,10,30,60]
```

Flags of the command line (`linda-bot run --help`) win over the environment, the environment wins over `.env`. Names may
be written in small letters; other programs' variables may stand in the same file. A misspelt name or a wrong value
ends the program at once, with exit code 2 and one line that says what would be right:

```console
$ LINDA_RESTORE__ATTEMPT=5 linda-bot status
linda-bot: LINDA_RESTORE__ATTEMPT is not a setting; did you mean LINDA_RESTORE__ATTEMPTS?
$ LINDA_RESTORE__ATTEMPTS=50 linda-bot status
linda-bot: LINDA_RESTORE__ATTEMPTS=50 is wrong: must be less than or equal to 20
```

They are read once, at the start: after a change, restart the bot; its session stays. Lists are written as in JSON.
Where a setting may be empty, empty is the same as not set; 2,678,400 seconds are 31 days. The meanings in a table
belong together: some go on where the row before ends.

This page is made from the program and from `.env.example`, which can be copied to `.env`: `make docs`.
"""
_GENERAL = "The bot itself, and its web page"
_FORMATS = {"path": "a path; `~` is the home directory", "password": "a text; it is shown nowhere"}
_EXAMPLES = {
    "LINDA_ACCOUNT": "971505760056",
    "LINDA_ACCOUNTS": "971505760056,971505760057",
    "LINDA_ACCOUNTS_FILE": "accounts.toml",
    "LINDA_STORE": "postgresql://linda:secret@db.example.org/bots",
    "LINDA_DATA_DIR": "~/bot",
    "LINDA_HTTP": "127.0.0.1:8080",
    "LINDA_HTTP_TOKEN": "6f1d0c4be2a7f35892d3c1a0b9e8d7f6",
    "LINDA_HTTP_URL": "https://bots.example.org/linda",
    "LINDA_DEVICE_NAME": "Shop Bot",
    "LINDA_HANDLERS": "my_bot.py",
    "LINDA_OWNERS": '["971505760056"]',
    "LINDA_COMMAND_PREFIX": "/",
    "LINDA_RESTORE__ATTEMPTS": "5",
    "LINDA_RESTORE__DELAY": "10",
    "LINDA_RESTORE__AUTH_TIMEOUT": "60",
    "LINDA_RECONNECT__GRACE": "30",
    "LINDA_RECONNECT__DELAYS": "[5,20,120]",
    "LINDA_RECONNECT__MAX_ATTEMPTS": "20",
    "LINDA_RECONNECT__COOL_DOWN": "1800",
    "LINDA_RECONNECT__LOGINS_AT_ONCE": "5",
    "LINDA_RECONNECT__LOGIN_SPACING": "60",
    "LINDA_KEEP_ALIVE__EVERY": "120",
    "LINDA_KEEP_ALIVE__TIMEOUT": "40",
    "LINDA_LINK__QR_ROUNDS": "3",
    "LINDA_LINK__QR_FILE": "code.png",
    "LINDA_LINK__PAIR_PHONE": "971505760056",
    "LINDA_REPLACED__WAIT": "120",
    "LINDA_REFRESH__EVERY": "43200",
    "LINDA_ALERT__AFTER": "600",
    "LINDA_ALERT__CLEAR_AFTER": "300",
    "LINDA_ALERT__REMIND": "[]",
    "LINDA_ALERT__QUIET": "22:00-07:00",
    "LINDA_ALERT__COMMAND": "/usr/local/bin/tell-me",
    "LINDA_ALERT__WEBHOOK": "https://example.org/hooks/linda",
    "LINDA_ALERT__WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "LINDA_ALERT__APPRISE": '["tgram://BOT_TOKEN/CHAT_ID"]',
    "LINDA_HEALTH__EVERY": "60",
    "LINDA_HEALTH__MEMORY_MB": "256",
    "LINDA_BACKUP__KEEP": "20",
    "LINDA_BACKUP__AFTER_STABLE": "10",
    "LINDA_BACKUP__EVERY": "3600",
    "LINDA_BACKUP__KEY_FILE": "~/linda.key",
    "LINDA_BACKUP__KEY": "bGluZGEtYm90LWV4YW1wbGUta2V5LTMyLWJ5dGVzISE=",
    "LINDA_INBOX__BACKLOG": "3600",
    "LINDA_INBOX__MOST_WAITING": "10000",
    "LINDA_INBOX__KEEP": "86400",
    "LINDA_HANDLER__TIMEOUT": "30",
    "LINDA_HANDLER__TRIES": "1",
    "LINDA_HANDLER__CHATS_AT_ONCE": "8",
    "LINDA_OUTBOX__PACE": "1.5",
    "LINDA_OUTBOX__RAMP_AFTER": "60",
    "LINDA_OUTBOX__RAMP_FOR": "300",
    "LINDA_OUTBOX__EXPIRE": "3600",
    "LINDA_OUTBOX__REPEAT_UNKNOWN": "true",
    "LINDA_OUTBOX__RECEIPTS": "true",
    "LINDA_LOG__LEVEL": "debug",
    "LINDA_LOG__FORMAT": "json",
    "LINDA_LOG__MASK": "false",
    "LINDA_LOG__FILE_BYTES": "50000000",
    "LINDA_LOG__FILES": "10",
    "LINDA_START__AT_ONCE": "4",
    "LINDA_FLEET__HOST": "bots-1",
    "LINDA_FLEET__CAPACITY": "20",
    "LINDA_FLEET__WEIGHT": "2",
    "LINDA_FLEET__LEASE": "30",
    "LINDA_FLEET__SETTLED": "300",
}


class Words(NamedTuple):
    """What .env.example says of a setting."""

    meaning: str
    default: str
    """As it is written there; empty for none."""


class Setting(NamedTuple):
    """One row."""

    name: str
    default: str
    meaning: str
    unit: str
    """Empty for what is no amount, and for what is counted in pieces."""
    allowed: str
    example: str


def words_of(example: str) -> dict[str, Words]:
    """Return what a file like .env.example says of each setting: the comment right above it."""
    found: dict[str, Words] = {}
    comment: list[str] = []
    for line in example.splitlines():
        if setting := re.fullmatch(r"#(LINDA_\w+)=(.*)", line):
            found[setting[1]] = Words(_meaning(" ".join(comment)), setting[2])
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:].strip())
        else:
            comment = []
    return found


def tables() -> dict[str, list[Setting]]:
    """Return every setting, by what its group is about."""
    words = words_of(_WORDS.read_text())
    general: list[Setting] = []
    found = {_GENERAL: general}
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            about = " ".join((group.__doc__ or "").split()).removesuffix(".")
            found[about] = [
                _setting(f"LINDA_{name}__{inner}".upper(), its, words) for inner, its in group.model_fields.items()
            ]
        else:
            general.append(_setting(f"LINDA_{name}".upper(), field, words))
    return found


def page() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for about, settings in tables().items():
        rows = [
            f"| `{each.name}` | {_code(each.default)} | {_cell(each.meaning)} | {each.unit} | {_cell(each.allowed)} "
            f"| {_code(each.example)} |"
            for each in settings
        ]
        parts.append(
            f"## {about}\n\n| setting | default | what it means | unit | may be | for example |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows)
        )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _setting(name: str, field: FieldInfo, words: dict[str, Words]) -> Setting:
    model = create_model("Probe", value=(field.annotation or object, field))
    schema: dict[str, Any] = model.model_json_schema()["properties"]["value"]
    return Setting(
        name=name,
        default=words[name].default,
        meaning=words[name].meaning,
        unit=_unit(name, schema),
        allowed=_allowed(model, schema),
        example=_EXAMPLES[name],
    )


def _meaning(comment: str) -> str:
    """Return a comment as a cell, without what only joins it to its neighbours, and without what the default tells."""
    text = comment.removesuffix(" Default: none.").rstrip(",").removeprefix("and ")
    return text[:1].upper() + text[1:].removesuffix(".")


def _unit(name: str, schema: dict[str, Any]) -> str:
    if name.endswith("_MB"):
        return "MB"
    if name.endswith("_BYTES"):
        return "bytes"
    if name.endswith("_WEIGHT"):
        return ""
    # A number that is no count is a duration, also among other words and in a list.
    kinds = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
    return "seconds" if any(kind.get("type") == "number" for kind in kinds) else ""


def _allowed(model: type[BaseModel], schema: dict[str, Any]) -> str:
    """Return what a value may be, where we have words for it the same as a user reads who gets it wrong."""
    if schema.get("type") == "array":
        told = _told(model, [" "]) or _bounds(schema["items"])
        return f"a list{', not empty' if schema.get('minItems') else ''}; each {told}"
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    told = _told(model, " ") or ", or ".join(_bounds(kind) for kind in kinds)
    can_be_empty = len(kinds) < len(schema.get("anyOf", [schema]))
    return f"{told}; or empty" if can_be_empty else told


def _told(model: type[BaseModel], wrong: object) -> str:
    """Return what the settings say would be right, when they are given what can never be."""
    try:
        model(value=wrong)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "value_error":
            return first["msg"].removeprefix("Value error, must be ")
    return ""


def _bounds(schema: dict[str, Any]) -> str:
    """Return in words what a JSON schema lets pass."""
    match schema:
        case {"type": "boolean"}:
            return "true or false"
        case {"enum": [*most, last]}:
            return f"{', '.join(most)} or {last}"
        case {"type": "integer" | "number" as kind, "maximum": highest}:
            whole = " whole" if kind == "integer" else ""
            above = schema.get("exclusiveMinimum")
            lowest = f"{schema['minimum']:,.0f} to" if above is None else f"more than {above:,.0f}, up to"
            return f"a{whole} number, {lowest} {highest:,.0f}"
        case {"format": str(kind)}:
            return _FORMATS[kind]
        case {"minLength": least, "maxLength": most}:
            return f"a text of {least} to {most} characters"
        case {"type": "string"}:
            return "a text"
    raise AssertionError(schema)  # a kind of setting that this page has no words for yet


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
