"""What can go wrong, sorted by what to do next."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Why the process ended, as a supervisor sees it."""

    OK = 0
    UNWELL = 1
    USAGE = 2
    SESSION_HELD = 3
    LINKING_NEEDED = 4
    LOGGED_OUT = 5
    CLIENT_OUTDATED = 6
    REPLACED = 7
    BUG = 70


class LindaError(Exception):
    """Root of everything this package raises on purpose; its text is one line that says what to do."""

    exit_code = ExitCode.BUG


class UsageError(LindaError):
    """A setting, an option or the place to work in is wrong; a person must correct it."""

    exit_code = ExitCode.USAGE


class SessionHeldError(LindaError):
    """Another process holds the session."""

    exit_code = ExitCode.SESSION_HELD


class SessionInaccessibleError(UsageError):
    """The session cannot be looked at for now (permissions, a lock, a full disk); that says nothing against it."""


class SessionUnreachableError(SessionInaccessibleError):
    """The session is elsewhere and cannot be reached for now; nobody has to mend anything here, so it is waited for."""


class TransientError(LindaError):
    """The same call may succeed later; wait and try again."""


def reason_of(error: OSError) -> str:
    """Return why the system did not do something, as the second half of a sentence."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "something else is in its place"
    return (error.strerror or str(error)).lower()


def unwritable(error: OSError) -> SessionInaccessibleError:
    """Return what to raise when the disk does not take a session's files: it is full, read-only or failing."""
    reason = reason_of(error)
    return SessionInaccessibleError(
        f"the session's files cannot be written ({error.filename}: {reason}); nothing of them was deleted: "
        "see to it that the disk has room and is writable, then start again"
    )
