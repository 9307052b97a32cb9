"""Whose pages are asked for, where one door leads to several accounts; pure."""

from typing import NamedTuple

from aiohttp import web


class Room(NamedTuple):
    """The pages of one account, or what all of them have in common."""

    account: str
    """Empty for what all of them have in common."""
    id: str = ""
    """What stands for the account in addresses, which are no place for a number."""
    name: str = ""
    """The account, as pages show it."""

    @property
    def path(self) -> str:
        """Where its pages are, seen from the overview."""
        return f"accounts/{self.id}/" if self.account else ""


HALL = Room("")

ROOM = web.RequestKey("room", Room)
"""Set for every request of a house, and for none of a bot that is alone."""
