"""The access to a web page, from the settings."""

import socket
from pathlib import Path

from linda_bot.kernel.bus import EventBus
from linda_bot.settings import Settings
from linda_bot.web.access import KEY_FILE, Access
from linda_bot.web.hosts import public_of
from linda_bot.web.tcp import reachable


def access_of(settings: Settings, data_dir: Path, listener: socket.socket, bus: EventBus) -> Access:
    """Return who may come in by a socket; who is not let in is told on the bus."""
    return Access(
        token=settings.http_token.get_secret_value() if settings.http_token else None,
        key_file=data_dir / "sessions" / KEY_FILE,
        bound=reachable(listener),
        public=public_of(settings.http_url) if settings.http_url else None,
        tell=bus.publish,
    )
