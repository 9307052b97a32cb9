"""Taking the device off the account while no bot runs."""

from pathlib import Path

import pytest

from linda_bot.app import farewell
from linda_bot.app.farewell import StillLinkedError, log_out
from linda_bot.kernel.errors import UsageError
from linda_bot.sessions.manager import SessionManager
from linda_bot.sessions.validation import Verdict
from linda_bot.whatsapp.events import (
    ClientEvent,
    ClientOutdated,
    ConnectEnded,
    ConnectFailed,
    EngineExited,
    LoggedOut,
    StreamReplaced,
    TemporarilyBanned,
)
from tests.support.fake_client import NUMBER, FakeWhatsApp
from tests.support.stores import make_session

pytestmark = pytest.mark.looptime


@pytest.fixture
def manager(tmp_path: Path) -> SessionManager:
    """A linked session, and no bot."""
    make_session(tmp_path)
    return SessionManager(tmp_path)


@pytest.fixture
def whatsapp(manager: SessionManager, monkeypatch: pytest.MonkeyPatch) -> FakeWhatsApp:
    """The other side, which knows the session."""
    made = FakeWhatsApp()
    made.linked[manager.paths.store] = NUMBER
    monkeypatch.setattr(farewell, "EngineClient", lambda _command, _environment: made.make_client())
    return made


async def test_whatsapp_is_told_and_the_session_is_set_aside(manager: SessionManager, whatsapp: FakeWhatsApp) -> None:
    """Nothing is deleted here."""
    found = await log_out(manager, (), {}, in_sandbox=False)

    assert not whatsapp.linked
    assert not whatsapp.running
    assert found.set_aside is not None
    assert (found.was_gone, found.set_aside.is_dir()) == (False, True)
    assert manager.validate_session().verdict is Verdict.MISSING
    history = manager.paths.history.read_text()
    assert 0 < history.index("logout_asked") < history.index("logged_out")


async def test_a_device_that_whatsapp_does_not_know_any_more(manager: SessionManager, whatsapp: FakeWhatsApp) -> None:
    """There is nobody to tell; the session goes all the same."""
    whatsapp.login_answer = LoggedOut(code=401, on_connect=True)

    found = await log_out(manager, (), {}, in_sandbox=False)

    assert (found.was_gone, found.set_aside is not None) == (True, True)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ConnectEnded(error="dial tcp: connection refused"), "WhatsApp cannot be reached"),
        (ConnectFailed(code=503, reason="busy"), r"refused the login \(code 503\) busy"),
        (ConnectFailed(code=503, reason=""), r"refused the login \(code 503\)$"),
        (StreamReplaced(), "another client"),
        (TemporarilyBanned(code=101, expires_in_s=3600), "banned this account for 1 hour"),
        (ClientOutdated(), "does not accept this version"),
        (EngineExited(code=-9, asked=False), "signal 9"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
async def test_without_a_login_nothing_is_changed(
    manager: SessionManager, whatsapp: FakeWhatsApp, answer: ClientEvent, why: str
) -> None:
    """It is said why, and that WhatsApp was not told."""
    whatsapp.login_answer = answer

    with pytest.raises(StillLinkedError, match=f"was not told, and nothing was changed: .*{why}"):
        await log_out(manager, (), {}, in_sandbox=False)

    assert not whatsapp.running
    assert manager.validate_session().verdict is Verdict.RESTORABLE


async def test_a_login_that_does_not_come_is_not_waited_for_for_ever(
    manager: SessionManager, whatsapp: FakeWhatsApp
) -> None:
    """Half a minute."""
    whatsapp.linked.clear()

    with pytest.raises(StillLinkedError, match="no login within 30 s"):
        await log_out(manager, (), {}, in_sandbox=False)


async def test_a_refused_request_changes_nothing(manager: SessionManager, whatsapp: FakeWhatsApp) -> None:
    """The session stays where it is."""
    whatsapp.logout_refusal = "server returned error 500"

    with pytest.raises(StillLinkedError, match="error 500"):
        await log_out(manager, (), {}, in_sandbox=False)

    assert manager.validate_session().verdict is Verdict.RESTORABLE


async def test_an_engine_that_cannot_be_started(manager: SessionManager, whatsapp: FakeWhatsApp) -> None:
    """It is said, and nothing is changed."""
    whatsapp.start_refusal = "no such file"

    with pytest.raises(StillLinkedError, match="no such file"):
        await log_out(manager, (), {}, in_sandbox=False)


async def test_a_session_of_the_other_world_is_refused(manager: SessionManager, whatsapp: FakeWhatsApp) -> None:
    """WhatsApp does not know a sandbox's device, and a sandbox not WhatsApp's."""
    with pytest.raises(UsageError, match="leave --sandbox out"):
        await log_out(manager, (), {}, in_sandbox=True)
    manager.paths.sandbox_mark.touch()
    with pytest.raises(UsageError, match="add --sandbox DIR"):
        await log_out(manager, (), {}, in_sandbox=False)

    assert not whatsapp.clients


async def test_a_session_that_cannot_log_in(manager: SessionManager, whatsapp: FakeWhatsApp) -> None:
    """There is nothing to log in with."""
    manager.paths.store.write_bytes(b"no database at all")

    with pytest.raises(UsageError, match="no session that could log in"):
        await log_out(manager, (), {}, in_sandbox=False)

    assert not whatsapp.clients
