"""A WhatsApp bot daemon whose session survives everything.

This is what bot authors use; it is imported on first use, so that starting the daemon does not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linda_bot.messaging.message import Message
    from linda_bot.messaging.router import Router
    from linda_bot.messaging.sending import SendError
    from linda_bot.sessions.manager import SessionManager

__version__ = "0.1.0"
__all__ = ["Message", "Router", "SendError", "SessionManager", "__version__"]

_HOMES = {
    "Message": "linda_bot.messaging.message",
    "Router": "linda_bot.messaging.router",
    "SendError": "linda_bot.messaging.sending",
    "SessionManager": "linda_bot.sessions.manager",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
