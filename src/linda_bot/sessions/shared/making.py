"""Having the client library make the tables of an empty store, by a command that this room does not know itself."""

import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from linda_bot.kernel.errors import TransientError

_WITHIN_S = 15.0


class TablesNotMadeError(TransientError):
    """The client library could not make its tables; the text is its own."""


class Maker(NamedTuple):
    """Makes, or renews, the tables of a store."""

    command: Sequence[str]
    """Takes the store on its stdin: an address is a secret, and command lines are not."""

    def make(self, source: str) -> None:
        """Make the tables of a SQLite file, or of a database's address; raises TablesNotMadeError.

        The library decides itself what is missing: nothing is changed in a store that is as it should be.
        """
        try:
            ran = subprocess.run(  # noqa: S603 (a command of ours)
                self.command,
                input=source.encode(),
                capture_output=True,
                timeout=_WITHIN_S,
                check=False,
                start_new_session=True,  # Ctrl+C in the terminal is the daemon's to handle
            )
        except subprocess.TimeoutExpired:
            raise TablesNotMadeError(
                f"the client library took longer than {_WITHIN_S:g} s to make its tables"
            ) from None
        except OSError as error:
            raise TablesNotMadeError(f"the client library cannot be started: {error.strerror or error}") from error
        if ran.returncode:
            lines = ran.stderr.decode(errors="replace").strip().splitlines()
            raise TablesNotMadeError(
                f"the client library could not make its tables: {lines[-1] if lines else 'it died'}"
            )
