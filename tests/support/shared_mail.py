"""Mailboxes in a database of the tests' own."""

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from linda_bot.database.connecting import Database
from linda_bot.database.migrating import bring_account_up_to_date
from linda_bot.database.places import account_place
from linda_bot.whatsapp.mailbox import MailPlace, mailbox_at

_numbers = itertools.count(1)


def new_mail(address: str, *, fence: int | None = None) -> MailPlace:
    """Make the tables of another account, and return where they are."""
    database, account = Database(address), f"{next(_numbers)}"
    bring_account_up_to_date(database, account)
    return MailPlace.of(database, account_place(account, "test", fence))


def account_of(place: MailPlace) -> str:
    """Return whose it is."""
    return place.schema.rpartition("_")[2]


def rows(where: Path | MailPlace, statement: str) -> list[Any]:
    """Return what a statement finds."""
    with closing(mailbox_at(where)) as mailbox:
        return mailbox.read(lambda mail: mail.execute(statement).fetchall())


def change(where: Path | MailPlace, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Change something behind everybody's back."""
    with closing(mailbox_at(where)) as mailbox:
        mailbox.write(lambda mail: [mail.execute(*statement) for statement in statements] and None)


@contextmanager
def house_with_leases(address: str) -> Iterator[Any]:
    """Yield a connection with which leases can be granted, as far as the fence is concerned."""
    from linda_bot.database.connecting import Place
    from linda_bot.database.migrating import bring_up_to_date

    bring_up_to_date(Database(address))
    with Database(address).connect(Place()) as connection:
        yield connection
