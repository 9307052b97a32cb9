"""A WhatsApp bot daemon whose session survives everything.

This is what bot authors use; it is imported on first use, so that starting the daemon does not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linda_bot.kernel.errors import UsageError
    from linda_bot.messaging import filters
    from linda_bot.messaging.bot import Bot
    from linda_bot.messaging.downloads import DownloadError
    from linda_bot.messaging.handlers import CallNext, SkipHandler
    from linda_bot.messaging.message import Message
    from linda_bot.messaging.middlewares import allow_only, rate_limit
    from linda_bot.messaging.router import Router
    from linda_bot.messaging.scene import Outgoing, SendError, State
    from linda_bot.sessions.manager import SessionManager

__version__ = "0.1.0"
__all__ = [
    "Bot",
    "CallNext",
    "DownloadError",
    "Message",
    "Outgoing",
    "Router",
    "SendError",
    "SessionManager",
    "SkipHandler",
    "State",
    "UsageError",
    "__version__",
    "allow_only",
    "filters",
    "rate_limit",
]

_HOMES = {
    "Bot": "linda_bot.messaging.bot",
    "CallNext": "linda_bot.messaging.handlers",
    "DownloadError": "linda_bot.messaging.downloads",
    "Message": "linda_bot.messaging.message",
    "Outgoing": "linda_bot.messaging.scene",
    "Router": "linda_bot.messaging.router",
    "SendError": "linda_bot.messaging.scene",
    "SessionManager": "linda_bot.sessions.manager",
    "SkipHandler": "linda_bot.messaging.handlers",
    "State": "linda_bot.messaging.scene",
    "UsageError": "linda_bot.kernel.errors",
    "allow_only": "linda_bot.messaging.middlewares",
    "rate_limit": "linda_bot.messaging.middlewares",
}


if not TYPE_CHECKING:  # else a type checker would believe every name

    def __getattr__(name: str) -> object:
        if name == "filters":
            return import_module("linda_bot.messaging.filters")
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
