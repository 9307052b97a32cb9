"""Where what is in a shared database; pure.

Each account has two schemas: the session, which the client library fills and which goes as a whole when it is
cleared, and what outlives it. The house's schema has what all hosts share.
"""

from linda_bot.database.connecting import Place

HOUSE = "linda_bot"
_SESSION, _ACCOUNT = "linda_bot_session_", "linda_bot_account_"


def session_schema(account: str) -> str:
    """Name the schema of an account's session, an account's name being digits or `default`."""
    return _SESSION + account


def account_schema(account: str) -> str:
    """Name the schema of an account's messages and files."""
    return _ACCOUNT + account


def worker(account: str, what: str, fence: int | None) -> str:
    """Name a connection so that those of an older lease are found, and ended, by whoever has a newer one."""
    return f"linda-bot {what} {account}" + ("" if fence is None else f" #{fence}")


def session_place(account: str, what: str, fence: int | None = None) -> Place:
    """Return where somebody works on an account's session."""
    return Place(session_schema(account), worker(account, what, fence), fence)


def account_place(account: str, what: str, fence: int | None = None) -> Place:
    """Return where somebody works on an account's messages and files."""
    return Place(account_schema(account), worker(account, what, fence), fence)
