"""A session in a database: looked at, cured, marked, backed up, put back."""

from pathlib import Path

import pytest

from linda_bot.database.connecting import FencedOffError, Place
from linda_bot.sessions.aftercare import load_aftercare
from linda_bot.sessions.catalogue import all_backups, fault_of
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.recovery import BackupUnusableError, Choice
from linda_bot.sessions.rollback import RunMark, load_run_mark, save_run_mark
from linda_bot.sessions.shared.access import SharedStore
from linda_bot.sessions.shared.opening import close_session, keep_up, open_session
from linda_bot.sessions.shared.recovery import put_back, recover_shared
from linda_bot.sessions.shared.schema import set_aside_before
from linda_bot.sessions.shared.store import generation_in
from linda_bot.sessions.snapshot import BackupFailedError, make_backup
from linda_bot.sessions.snapshot_job import Job, Outcome, SharedSource
from linda_bot.sessions.store import read_identity
from linda_bot.sessions.validation import Verdict
from linda_bot.sessions.vault import Vault
from linda_bot.whatsapp.preparing import PREPARE_COMMAND
from tests.support.shared_stores import MAKER, ask, fill, grant, raw
from tests.support.stores import NUMBER, SENDERS

KEY = "Zm9yIHRlc3RzIG9ubHksIG9mIG5vIG90aGVyIHVzZSE="


@pytest.fixture
def paths(empty: SharedStore, tmp_path: Path) -> SessionPaths:
    """Where the session's small files are."""
    made = SessionPaths(tmp_path, empty.account)
    made.directory.mkdir(parents=True, mode=0o700)
    return made


@pytest.fixture
def linked(store: SharedStore, paths: SessionPaths) -> SharedStore:
    """A linked session, of the account's number, that was opened and closed once."""
    link(store)
    assert open_session(store, paths, MAKER).validation.verdict is Verdict.RESTORABLE
    close_session(paths)
    return store


def link(store: SharedStore, **changes: object) -> None:
    """Link a session to its account."""
    fill(store)
    with raw(store) as connection:
        connection.execute("SET session_replication_role = replica")  # else the rows would go with their device
        connection.execute("UPDATE whatsmeow_device SET jid = %s", (f"{store.account}:3@s.whatsapp.net",))
        for table in ("sessions", "sender_keys", "contacts", "chat_settings", "privacy_tokens"):
            connection.execute(f"UPDATE whatsmeow_{table} SET our_jid = %s", (f"{store.account}:3@s.whatsapp.net",))
        connection.execute("UPDATE whatsmeow_pre_keys SET jid = %s", (f"{store.account}:3@s.whatsapp.net",))
        for sender in SENDERS["ours"]:
            connection.execute(
                "UPDATE whatsmeow_sender_keys SET sender_id = replace(sender_id, %s, %s) WHERE sender_id = %s",
                (NUMBER, store.account, sender),
            )
        for column, value in changes.items():
            connection.execute(f"UPDATE whatsmeow_device SET {column} = %s", (value,))


def back_up(store: SharedStore, paths: SessionPaths, *keys: str) -> Outcome:
    """Make a backup in this process."""
    source = SharedSource(store.database.address, PREPARE_COMMAND, store.fence)
    return make_backup(Job(str(paths.data_dir), paths.account, "test", keep=5, keys=keys, shared=source))


def generation(store: SharedStore) -> int:
    """Return the number in the store."""
    with store.opened() as connection:
        return generation_in(connection)


def test_there_is_no_session_at_first(empty: SharedStore, paths: SessionPaths) -> None:
    """Its schema is made; the next time there is one, without a device."""
    first = open_session(empty, paths, MAKER).validation
    second = open_session(empty, paths, MAKER).validation

    assert (first.verdict, first.why) == (Verdict.MISSING, "there is no session yet")
    assert (second.verdict, second.why) == (Verdict.NOT_LINKED, "the session holds no linked device")


def test_a_whole_session(linked: SharedStore, paths: SessionPaths) -> None:
    """All points are well but for what nobody has written yet; the number grows with each opening."""
    before = generation(linked)
    found = open_session(linked, paths, MAKER)

    assert not found.went_back
    assert found.validation.number == linked.account
    assert [point.name for point in found.validation.points] == [
        "database",
        "schema",
        "integrity",
        "device",
        "metadata",
    ]
    assert generation(linked) == load_run_mark(paths.run_mark).generation == before + 1


SECOND_DEVICE = """
INSERT INTO whatsmeow_device
SELECT (jsonb_populate_record(known, '{"jid": "2:1@s.whatsapp.net"}')).* FROM whatsmeow_device AS known
"""


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("DROP TABLE whatsmeow_sessions CASCADE", "tables of the client library are missing: whatsmeow_sessions"),
        ("DROP TABLE whatsmeow_device CASCADE", "tables of the client library are missing: whatsmeow_device"),
        ("UPDATE whatsmeow_device SET noise_key = sha256(noise_key)", "not those that it was linked with"),
        ("UPDATE whatsmeow_device SET registration_id = 7", "not those that it was linked with"),
        ("DELETE FROM linda_bot; UPDATE whatsmeow_device SET jid = '1@lid'", "has no phone number"),
        (SECOND_DEVICE, "holds 2 devices instead of one"),
    ],
)
def test_a_damaged_session(linked: SharedStore, paths: SessionPaths, harm: str, why: str) -> None:
    """Its keys, its tables, its only device: each is looked at before an engine is."""
    with raw(linked) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(harm)

    found = open_session(linked, paths, MAKER).validation
    assert found.verdict is Verdict.DAMAGED
    assert why in found.why


def test_another_accounts_session(store: SharedStore, paths: SessionPaths) -> None:
    """An engine never gets to see it."""
    fill(store)

    found = open_session(store, paths, MAKER).validation
    assert found.verdict is Verdict.WRONG_ACCOUNT
    assert found.why == f"the session is linked to {NUMBER}, not to {store.account}"


def test_a_database_that_was_put_back(linked: SharedStore, paths: SessionPaths) -> None:
    """Its number is lower than the mark's: the old ratchets go, everything else stays."""
    save_run_mark(paths.run_mark, RunMark(generation=50))

    assert "a backup of the database" in open_session(linked, paths, MAKER).went_back
    assert ask(linked, "SELECT count(*) FROM whatsmeow_sessions") == [0]
    assert sorted(ask(linked, "SELECT sender_id FROM whatsmeow_sender_keys")) == sorted(SENDERS["others"])
    assert ask(linked, "SELECT count(*) FROM whatsmeow_pre_keys") == [2]
    assert generation(linked) == 51
    assert load_aftercare(paths.aftercare) is not None
    close_session(paths)
    assert not open_session(linked, paths, MAKER).went_back


def test_another_server_took_over(linked: SharedStore, paths: SessionPaths) -> None:
    """While the bot ran: a copy that follows may lack what was written last. A machine that went down lacks nothing."""
    open_session(linked, paths, MAKER)
    mark = load_run_mark(paths.run_mark)
    assert mark.boot_id == "timeline 00000001"
    save_run_mark(paths.run_mark, RunMark(boot_id="another boot", running=True, generation=mark.generation))
    assert not open_session(linked, paths, MAKER).went_back

    mark = load_run_mark(paths.run_mark)
    save_run_mark(paths.run_mark, RunMark(boot_id="timeline 00000000", running=True, generation=mark.generation))
    assert "another server" in open_session(linked, paths, MAKER).went_back


def test_an_unlinked_session_may_be_linked_anew(linked: SharedStore, paths: SessionPaths) -> None:
    """The seal of the old device is no fault of the next one."""
    with raw(linked) as connection:
        connection.execute("DELETE FROM whatsmeow_device")
    assert open_session(linked, paths, MAKER).validation.verdict is Verdict.NOT_LINKED
    with raw(linked) as connection:
        connection.execute("DELETE FROM whatsmeow_lid_map; DELETE FROM whatsmeow_privacy_tokens")
    link(linked, registration_id=99)

    assert open_session(linked, paths, MAKER).validation.verdict is Verdict.RESTORABLE


def test_it_is_marked_while_it_is_used(linked: SharedStore, paths: SessionPaths) -> None:
    """Not while nothing is written."""
    open_session(linked, paths, MAKER)
    seen = keep_up(linked, paths, -1)
    before = generation(linked)
    assert keep_up(linked, paths, seen) == seen
    assert generation(linked) == before
    with raw(linked) as connection:
        connection.execute("UPDATE whatsmeow_pre_keys SET uploaded = true")
        connection.execute("SELECT pg_stat_force_next_flush()")

    assert keep_up(linked, paths, seen) > seen
    assert generation(linked) == load_run_mark(paths.run_mark).generation == before + 1


def test_a_backup_is_as_one_of_a_file(linked: SharedStore, paths: SessionPaths) -> None:
    """Its manifest says the same, and its copy is a store that stands for itself."""
    made = back_up(linked, paths)
    backup = all_backups(paths)[0]
    identity = read_identity(backup.copy, thorough=True)

    assert not made.error
    assert not fault_of(backup)
    assert identity is not None
    assert (backup.manifest.linked_number, backup.manifest.fingerprint) == (linked.account, identity.fingerprint)
    assert backup.manifest.generation == generation(linked)
    assert sorted(entry.name for entry in backup.directory.iterdir()) == ["manifest.json", "session.db"]
    assert "linda@" not in repr(SharedSource(linked.database.address, PREPARE_COMMAND))


def test_no_backup_of_what_is_no_session(store: SharedStore, paths: SessionPaths) -> None:
    """One line says why."""
    with pytest.raises(BackupFailedError, match="no linked device"):
        back_up(store, paths)
    with pytest.raises(BackupFailedError, match="no backup was made"):
        back_up(store._replace(account="1"), SessionPaths(paths.data_dir, "1"))
    assert all_backups(paths) == []


@pytest.mark.parametrize("keys", [(), (KEY,)], ids=["clear", "sealed"])
def test_a_backup_is_put_back(linked: SharedStore, paths: SessionPaths, keys: tuple[str, ...]) -> None:
    """With fresh ratchets, and a number that is higher than any before; what was there is set aside."""
    assert not back_up(linked, paths, *keys).error
    open_session(linked, paths, MAKER)
    with raw(linked) as connection:
        connection.execute("UPDATE whatsmeow_device SET push_name = 'damaged'")
    before = generation(linked)
    found = recover_shared(linked, MAKER, paths, Vault(keys) if keys else None, Choice(), because="a test")

    assert found.backup == all_backups(paths)[0]
    assert isinstance(found.quarantined, str)
    assert ask(linked, "SELECT push_name FROM whatsmeow_device", schema=found.quarantined) == ["damaged"]
    assert ask(linked, "SELECT push_name FROM whatsmeow_device") == ["Linda 🌷, Ltd"]
    assert ask(linked, "SELECT count(*) FROM whatsmeow_sessions") == [0]
    assert generation(linked) == before + 1
    aftercare = load_aftercare(paths.aftercare)
    assert aftercare is not None
    assert aftercare.backup == found.backup.name
    opening = open_session(linked, paths, MAKER)
    assert (opening.validation.verdict, opening.went_back) == (Verdict.RESTORABLE, "")
    assert not list(paths.directory.glob("*next*"))


def test_a_restore_that_was_interrupted_is_begun_anew(linked: SharedStore, paths: SessionPaths) -> None:
    """Half a draft was left, with a session in it."""
    assert not back_up(linked, paths).error
    with linked.database.connect(Place()) as connection:
        connection.execute(f"CREATE SCHEMA {linked.draft}; CREATE TABLE {linked.draft}.whatsmeow_version (version int)")

    assert put_back(linked, MAKER, paths, all_backups(paths)[0], None, because="a test") is not None
    assert open_session(linked, paths, MAKER).validation.verdict is Verdict.RESTORABLE


def test_a_damaged_backup_changes_nothing(linked: SharedStore, paths: SessionPaths) -> None:
    """Neither the session nor what is beside it."""
    assert not back_up(linked, paths).error
    backup = all_backups(paths)[0]
    backup.copy.write_bytes(backup.copy.read_bytes()[:-1])
    with pytest.raises(BackupUnusableError, match="checksum"):
        put_back(linked, MAKER, paths, backup, None, because="a test")

    with linked.opened() as connection:
        assert set_aside_before(connection, linked.schema) == []
    assert load_aftercare(paths.aftercare) is None


def test_nothing_is_put_back_by_an_older_lease(linked: SharedStore, paths: SessionPaths) -> None:
    """Another host has it by now."""
    assert not back_up(linked, paths).error
    grant(linked.database, linked.account, 4)
    for work in (
        lambda old: put_back(old, MAKER, paths, all_backups(paths)[0], None, because="a test"),
        lambda old: open_session(old, paths, MAKER),
        lambda old: keep_up(old, paths, 0),
    ):
        with pytest.raises(FencedOffError, match="passed on"):
            work(linked._replace(fence=3))
