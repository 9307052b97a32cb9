"""What a run was asked to do, cut into the slices that each part lives by."""

from collections.abc import Sequence
from typing import NamedTuple

from linda_bot.connection import incidents
from linda_bot.connection.attempt import Patience
from linda_bot.connection.circuit import Schedule
from linda_bot.connection.keeper import Timing
from linda_bot.connection.plan import Plan
from linda_bot.connection.policy import Rules
from linda_bot.messaging import outbox
from linda_bot.messaging.inbox import Handling
from linda_bot.messaging.pacing import Pace
from linda_bot.sessions.logins import Manners
from linda_bot.sessions.paths import SessionPaths
from linda_bot.sessions.vault import Vault, open_vault
from linda_bot.settings import Settings
from linda_bot.whatsapp.spawn import EngineProcess

_FIRST_CODE_S = 60.0
_JITTER = 0.2


class Job(NamedTuple):
    """What `run` was asked to do."""

    settings: Settings
    engine_command: Sequence[str]
    engine_environment: dict[str, str]
    engine: EngineProcess | None
    """An engine that was started ahead."""
    can_show_qr: bool = True
    in_sandbox: bool = False
    reload: bool = False
    """Whether handlers are loaded anew when their files change."""

    @property
    def paths(self) -> SessionPaths:
        """Where the session's files are."""
        return SessionPaths(self.settings.data_dir.absolute(), self.settings.account)

    @property
    def plan(self) -> Plan:
        """What the link is to do."""
        settings = self.settings
        return Plan(
            rules=Rules(
                reconnect=Schedule(
                    delays=settings.reconnect.delays,
                    attempts=settings.reconnect.max_attempts,
                    cool_down=settings.reconnect.cool_down,
                    jitter=_JITTER,
                ),
                restore_attempts=settings.restore.attempts,
                restore_delay=settings.restore.delay,
                replaced_wait=settings.replaced.wait,
                qr_rounds=settings.link.qr_rounds,
                can_show_qr=self.can_show_qr,
            ),
            patience=Patience(
                authenticate=settings.restore.auth_timeout,
                first_code=_FIRST_CODE_S,
                grace=settings.reconnect.grace,
                ping_every=settings.keep_alive.every,
                ping_within=settings.keep_alive.timeout,
            ),
            device_name=settings.device_name,
            account=self.paths.number,
            pair_phone=settings.link.pair_phone,
            log_level="info" if settings.log.level == "debug" else "warning",
            mailbox=self.paths.mailbox,
            most_waiting=settings.inbox.most_waiting,
            receipts=settings.outbox.receipts,
        )

    @property
    def handling(self) -> Handling:
        """How messages are handled."""
        inbox, handler = self.settings.inbox, self.settings.handler
        limits = {"handle": None, "skip": 0.0}
        limit = limits[inbox.backlog] if isinstance(inbox.backlog, str) else inbox.backlog
        return Handling(
            timeout_s=handler.timeout,
            tries=handler.tries,
            chats_at_once=handler.chats_at_once,
            backlog_within_s=limit,
        )

    @property
    def manners_of_sending(self) -> outbox.Manners:
        """How messages are sent."""
        sending = self.settings.outbox
        return outbox.Manners(
            pace=Pace(between=sending.pace, ramp_after=sending.ramp_after, ramp_for=sending.ramp_for),
            expire_s=sending.expire,
            repeat_unknown=sending.repeat_unknown,
        )

    @property
    def manners(self) -> Manners:
        """How often the session may log in."""
        return Manners(self.settings.reconnect.logins_at_once, self.settings.reconnect.login_spacing)

    @property
    def backup_timing(self) -> Timing:
        """When backups are due."""
        return Timing(after_stable=self.settings.backup.after_stable, every=self.settings.backup.every)

    @property
    def incident_patience(self) -> incidents.Patience:
        """When a person is told."""
        return incidents.Patience(down_for=self.settings.alert.after, up_for=self.settings.alert.clear_after)

    def open_vault(self) -> Vault | None:
        """Return what encrypts backups; None where nothing does. Raises UsageError for a key that is none."""
        key = self.settings.backup.key
        return open_vault(self.settings.backup.key_file, key.get_secret_value() if key else None)
