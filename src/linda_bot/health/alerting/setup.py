"""From the settings to what the desk works with; what is wrong with them is told at once, before anything begins."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from linda_bot.health.alerting.incident import Incident
from linda_bot.health.alerting.memory import Memory, memory_or_new
from linda_bot.health.alerting.notice import Sender
from linda_bot.health.alerting.policy import open_incident
from linda_bot.health.alerting.quiet import QuietHours, quiet_hours
from linda_bot.health.alerting.sinks.sink import Sink
from linda_bot.settings import AlertSettings


class Alerting(NamedTuple):
    """What was found to be right, and what is remembered."""

    memory: Memory
    sinks: Sequence[Callable[[], Sink]]
    """What makes them, once they are needed."""
    quiet: QuietHours | None
    remind: Sequence[float]

    def open_incident(self, topic: str) -> Incident | None:
        """Return the incident of a topic that was open when the last process ended."""
        return open_incident(self.memory.incidents, topic)


def prepare_alerting(settings: AlertSettings, path: Path) -> Alerting:
    """Check the settings, and read what is remembered; raises UsageError, in one line without any secret."""
    quiet = quiet_hours(settings.quiet)
    memory = memory_or_new(path)
    makers = [*_command(settings), *_webhook(settings)]
    if settings.apprise:
        from linda_bot.health.alerting.sinks.apprise import AppriseSink, check_addresses

        addresses = [each.get_secret_value() for each in settings.apprise]
        memory = replace(memory, apprise_checked=check_addresses(addresses, memory.apprise_checked))
        for number, address in enumerate(addresses, 1):
            name = "apprise" if len(addresses) == 1 else f"apprise-{number}"
            makers.append(lambda name=name, address=address: AppriseSink(name, address))  # type: ignore[misc]
    return Alerting(memory, makers, quiet, settings.remind)


def sender_of(account: str, *, mask: bool) -> Sender:
    """Return who it is that tells."""
    return Sender(account=account, host=socket.gethostname(), mask=mask)


def _command(settings: AlertSettings) -> list[Callable[[], Sink]]:
    if settings.command is None:
        return []
    from linda_bot.health.alerting.sinks.command import CommandSink, command_of

    command = command_of(settings.command)
    return [lambda: CommandSink(command)]


def _webhook(settings: AlertSettings) -> list[Callable[[], Sink]]:
    if settings.webhook is None:
        return []
    from linda_bot.health.alerting.sinks.signing import signing_key
    from linda_bot.health.alerting.sinks.webhook import WebhookSink, address_of

    address = address_of(settings.webhook)
    key = signing_key(settings.webhook_secret.get_secret_value()) if settings.webhook_secret else None
    return [lambda: WebhookSink(address, key)]
