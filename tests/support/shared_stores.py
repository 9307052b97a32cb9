"""Sessions in a database, and files, whose tables are the client library's own."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from linda_bot.database.connecting import Database, Place
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.making import Maker
from linda_bot.whatsapp.preparing import PREPARE_COMMAND
from tests.support.stores import DEVICE, KEYS, LID, NUMBER, SENDERS

MAKER = Maker(PREPARE_COMMAND)
OURS = f"{NUMBER}:{DEVICE}@s.whatsapp.net"
LEASES = """
CREATE SCHEMA IF NOT EXISTS linda_bot;
CREATE TABLE IF NOT EXISTS linda_bot.leases (account text PRIMARY KEY, fence bigint NOT NULL)
"""


def device_row(**changes: object) -> dict[str, object]:
    """Return the row of a linked device, in all its columns."""
    return {
        "jid": OURS,
        "lid": f"{LID}:{DEVICE}@lid",
        "facebook_uuid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "registration_id": 4711,
        "signed_pre_key_id": 1,
        "adv_key": b"k" * 32,
        "adv_details": b"\x00d",
        **{name: name[:1].encode() * size for name, size in KEYS.items()},
        "platform": "android",
        "business_name": "",
        "push_name": "Linda 🌷, Ltd",
        **changes,
    }


def _rows() -> list[tuple[str, dict[str, object]]]:
    senders = [sender for group in SENDERS.values() for sender in group]
    rows: list[tuple[str, dict[str, object]]] = [
        ("whatsmeow_sessions", {"our_jid": OURS, "their_id": f"{number}_1:0", "session": b'{"n":1}'})
        for number in range(30)
    ]
    rows += [
        ("whatsmeow_sender_keys", {"our_jid": OURS, "chat_id": "g@g.us", "sender_id": each, "sender_key": b"\x00"})
        for each in senders
    ]
    return [
        *rows,
        ("whatsmeow_pre_keys", {"jid": OURS, "key_id": 1, "key": b"p" * 32, "uploaded": True}),
        ("whatsmeow_pre_keys", {"jid": OURS, "key_id": 2, "key": b"q" * 32, "uploaded": False}),
        ("whatsmeow_contacts", {"our_jid": OURS, "their_jid": "15550001111@s.whatsapp.net", "full_name": "Ann\n\t\\N"}),
        ("whatsmeow_lid_map", {"lid": "345888225186528", "pn": "15550001111"}),
        (
            "whatsmeow_chat_settings",
            {"our_jid": OURS, "chat_jid": "g@g.us", "muted_until": -1, "pinned": True, "archived": False},
        ),
        (
            "whatsmeow_privacy_tokens",
            {"our_jid": OURS, "their_jid": "x", "token": bytes(range(256)), "timestamp": 2**40},
        ),
    ]


def fill(store: SharedStore, *, schema: str = "", **changes: object) -> None:
    """Link a session in a database, and let it live a little."""
    with store.opened(schema=schema) as connection:
        for table, row in [("whatsmeow_device", device_row(**changes)), *_rows()]:
            marks = ", ".join(["%s"] * len(row))
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def fill_file(file: Path, **changes: object) -> None:
    """Do the same to a file, which is made."""
    MAKER.make(str(file))
    with closing(sqlite3.connect(file)) as database, database:
        for table, row in [("whatsmeow_device", device_row(**changes)), *_rows()]:
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def grant(database: Database, account: str, fence: int) -> None:
    """Have an account's lease have a number."""
    with database.connect(Place()) as connection:
        connection.execute(LEASES)
        connection.execute(
            "INSERT INTO linda_bot.leases VALUES (%s, %s) ON CONFLICT (account) DO UPDATE SET fence = excluded.fence",
            (account, fence),
        )


def ask(store: SharedStore, question: str, *values: object, schema: str = "") -> list[Any]:
    """Return the first column of what a session answers."""
    with store.opened(schema=schema) as connection:
        return [row[0] for row in connection.execute(question, values)]


def raw(store: SharedStore, fence: int | None = None) -> "psycopg.Connection[Any]":
    """Return a connection as an engine has it, whose errors are the driver's own."""
    place = SharedStore(store.database, store.account, fence)._place("engine", "")
    return store.database.connect(place)
