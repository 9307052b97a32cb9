"""Whose work is being done: known to everything that is called from it, also to a library that logs a line."""

from contextvars import ContextVar

ACCOUNT: ContextVar[str] = ContextVar("account", default="")
"""The account; empty where there is none, or only one."""
