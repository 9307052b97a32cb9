"""What the server remembers: accounts, devices, keys and what waits for delivery; one SQLite file."""

import hashlib
import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox.keys import KEY_TYPE, KeyPair
from linda_bot.sandbox.nodes import LID_SERVER, PHONE_SERVER, Jid

_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS account (
    number TEXT PRIMARY KEY, lid TEXT UNIQUE NOT NULL, name TEXT NOT NULL, identity BLOB NOT NULL,
    raw_id INTEGER NOT NULL, last_device INTEGER NOT NULL DEFAULT 0, pairings INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS device (
    number TEXT NOT NULL, device INTEGER NOT NULL, noise BLOB UNIQUE NOT NULL, identity BLOB NOT NULL,
    registration BLOB NOT NULL, signed_id BLOB NOT NULL, signed_key BLOB NOT NULL, signed_sig BLOB NOT NULL,
    PRIMARY KEY (number, device));
CREATE TABLE IF NOT EXISTS prekey (
    number TEXT NOT NULL, device INTEGER NOT NULL, id BLOB NOT NULL, key BLOB NOT NULL,
    PRIMARY KEY (number, device, id));
CREATE TABLE IF NOT EXISTS waiting (
    place INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT NOT NULL, device INTEGER NOT NULL,
    kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS waiting_for ON waiting (number, device, id);
CREATE TABLE IF NOT EXISTS accepted (sender TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (sender, id));
"""
_KEY_ID = 1
_NUMBER = re.compile(r"[1-9][0-9]{6,14}")


class Account(NamedTuple):
    """A phone number with its phone."""

    number: str
    lid: str
    name: str
    identity: KeyPair
    raw_id: int

    def phone_jid(self, device: int = 0) -> Jid:
        """The address by phone number."""
        return Jid(self.number, PHONE_SERVER, device)

    def lid_jid(self, device: int = 0) -> Jid:
        """The address by LID."""
        return Jid(self.lid, LID_SERVER, device)


class Device(NamedTuple):
    """A linked device (or, as device 0, the phone) with its public keys."""

    number: str
    device: int
    identity: bytes
    registration: bytes
    signed_id: bytes
    signed_key: bytes
    signed_signature: bytes


class Waiting(NamedTuple):
    """A stanza that its receiver has not confirmed."""

    place: int
    kind: str
    body: bytes


class Registry:
    """The server's memory."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")  # a sandbox need not survive a power loss
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def secret(self, name: str) -> KeyPair:
        """Return a key pair of the server's; made on first use."""
        self._database.execute("INSERT OR IGNORE INTO secret VALUES (?, ?)", (name, os.urandom(32)))
        (key,) = self._database.execute("SELECT key FROM secret WHERE name = ?", (name,)).fetchone()
        return KeyPair.of(key)

    def open_account(self, number: str, name: str = "") -> Account:
        """Return the account of a number; made on first use, with a phone that has keys.

        Raises UsageError when it is no number: it also names a directory.
        """
        if not _NUMBER.fullmatch(number):
            message = f"{number[:40]!r} is no phone number; write 7 to 15 digits in international format, without +"
            raise UsageError(message)
        lid = str(10**14 + int.from_bytes(hashlib.sha256(number.encode()).digest()[:6]))
        raw_id = int.from_bytes(os.urandom(3))
        self._database.execute(
            "INSERT OR IGNORE INTO account (number, lid, name, identity, raw_id) VALUES (?, ?, ?, ?, ?)",
            (number, lid, name or f"Person {number[-4:]}", os.urandom(32), raw_id),
        )
        account = self.account(number)
        assert account is not None  # it was just inserted
        return account

    def account(self, user: str) -> Account | None:
        """Return the account of a phone number or a LID."""
        row = self._database.execute(
            "SELECT number, lid, name, identity, raw_id FROM account WHERE number = ? OR lid = ?", (user, user)
        ).fetchone()
        return Account(row[0], row[1], row[2], KeyPair.of(row[3]), row[4]) if row else None

    def pairings(self, number: str) -> int:
        """Return how many devices this account's phone has linked in all."""
        row = self._database.execute("SELECT pairings FROM account WHERE number = ?", (number,)).fetchone()
        return row[0] if row else 0

    def next_device(self, number: str) -> int:
        """Return the id for the next linked device."""
        self._database.execute("UPDATE account SET last_device = last_device + 1 WHERE number = ?", (number,))
        (device,) = self._database.execute("SELECT last_device FROM account WHERE number = ?", (number,)).fetchone()
        return int(device)

    def add_device(self, device: Device, noise: bytes) -> None:
        """Remember a linked device; a device with the same Noise key is replaced."""
        self._database.execute("DELETE FROM device WHERE noise = ?", (noise,))
        number, number_of_device, *keys = device
        self._database.execute(
            "INSERT INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (number, number_of_device, noise, *keys)
        )
        self._database.execute("UPDATE account SET pairings = pairings + 1 WHERE number = ?", (number,))

    def remove_device(self, number: str, device: int) -> None:
        """Forget a device with all that belongs to it."""
        for table in ("device", "prekey", "waiting"):
            self._database.execute(f"DELETE FROM {table} WHERE number = ? AND device = ?", (number, device))  # noqa: S608 (a name of ours)

    def device_by_noise(self, noise: bytes) -> tuple[str, int] | None:
        """Return number and id of the device that logs in with this Noise key."""
        row = self._database.execute("SELECT number, device FROM device WHERE noise = ?", (noise,)).fetchone()
        return (row[0], row[1]) if row else None

    def device_ids(self, number: str) -> list[int]:
        """Return the ids of an account's devices; the phone is 0."""
        rows = self._database.execute("SELECT device FROM device WHERE number = ? ORDER BY device", (number,))
        return [0, *(row[0] for row in rows)]

    def device(self, account: Account, device: int) -> Device | None:
        """Return a device's public keys; the phone's are made from its identity."""
        if device == 0:
            signed = account.identity  # nobody decrypts what is sent to it, so one key serves for both
            signature = account.identity.sign(KEY_TYPE + signed.public)
            return Device(
                account.number,
                0,
                account.identity.public,
                account.raw_id.to_bytes(4),
                _KEY_ID.to_bytes(3),
                signed.public,
                signature,
            )
        row = self._database.execute(
            "SELECT number, device, identity, registration, signed_id, signed_key, signed_sig FROM device"
            " WHERE number = ? AND device = ?",
            (account.number, device),
        ).fetchone()
        return Device(*row) if row else None

    def set_signed_key(self, number: str, device: int, key: tuple[bytes, bytes, bytes]) -> None:
        """Replace a device's signed prekey: id, key, signature."""
        self._database.execute(
            "UPDATE device SET signed_id = ?, signed_key = ?, signed_sig = ? WHERE number = ? AND device = ?",
            (*key, number, device),
        )

    def add_prekeys(self, number: str, device: int, keys: Sequence[tuple[bytes, bytes]]) -> None:
        """Take a device's one-time keys: id and key."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT OR REPLACE INTO prekey VALUES (?, ?, ?, ?)", [(number, device, *key) for key in keys]
        )
        self._database.execute("COMMIT")

    def count_prekeys(self, number: str, device: int) -> int:
        """Return how many one-time keys are left."""
        query = "SELECT count(*) FROM prekey WHERE number = ? AND device = ?"
        (count,) = self._database.execute(query, (number, device)).fetchone()
        return int(count)

    def take_prekey(self, number: str, device: int) -> tuple[bytes, bytes] | None:
        """Hand out a one-time key, once."""
        row = self._database.execute(
            "DELETE FROM prekey WHERE rowid = (SELECT rowid FROM prekey WHERE number = ? AND device = ?"
            " ORDER BY id LIMIT 1) RETURNING id, key",
            (number, device),
        ).fetchone()
        return (row[0], row[1]) if row else None

    def enqueue(self, number: str, device: int, kind: str, stanza_id: str, body: bytes) -> None:
        """Keep a stanza until its receiver has confirmed it."""
        self._database.execute(
            "INSERT INTO waiting (number, device, kind, id, body) VALUES (?, ?, ?, ?, ?)",
            (number, device, kind, stanza_id, body),
        )

    def confirm(self, number: str, device: int, kind: str, stanza_id: str) -> bool:
        """Drop a stanza that has arrived; return whether it had waited."""
        cursor = self._database.execute(
            "DELETE FROM waiting WHERE number = ? AND device = ? AND kind = ? AND id = ?",
            (number, device, kind, stanza_id),
        )
        return cursor.rowcount > 0

    def waiting(self, number: str, device: int) -> list[Waiting]:
        """Return what waits for a device, oldest first."""
        rows = self._database.execute(
            "SELECT place, kind, body FROM waiting WHERE number = ? AND device = ? ORDER BY place", (number, device)
        )
        return [Waiting(*row) for row in rows]

    def last_place(self) -> int:
        """Return the place of the newest stanza that waits for anybody; 0 when nothing does."""
        (place,) = self._database.execute("SELECT coalesce(max(place), 0) FROM waiting").fetchone()
        return int(place)

    def accept(self, sender: str, stanza_id: str) -> bool:
        """Note that a device's message was taken; return whether it is the first time."""
        cursor = self._database.execute("INSERT OR IGNORE INTO accepted VALUES (?, ?)", (sender, stanza_id))
        return cursor.rowcount == 1
