"""A command that tells a person: run without a shell, told by variables and by JSON on stdin."""

import json
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from linda_bot.health.alerting.notice import Notice
from linda_bot.health.alerting.sinks.process import run_process
from linda_bot.health.alerting.sinks.sink import SinkError
from linda_bot.kernel.alerts import NOTICE_VARIABLES
from linda_bot.kernel.errors import UsageError, reason_of
from linda_bot.kernel.masking import mask_line, printable

_PREFIX = "LINDA_ALERT_"
_SHOWN_ERROR = 120
_NOT_RUNNABLE = (126, 127)


def command_of(text: str) -> tuple[str, ...]:
    """Return the words of a command, split as a shell does, with the program's full path; raises UsageError.

    Nothing else is done that a shell does: no variables, no pipes, no patterns.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"LINDA_ALERT__COMMAND cannot be split into words: {str(error).lower()}") from None
    if not words:
        raise UsageError("LINDA_ALERT__COMMAND is empty: give a program, or leave the setting out")
    name = str(Path(words[0]).expanduser()) if words[0].startswith("~") else words[0]
    program = shutil.which(name)
    if program is None:
        raise UsageError(
            f"LINDA_ALERT__COMMAND: there is no program {printable(name)} that may be run; give its path, and make it "
            "executable (it is run without a shell)"
        )
    return (str(Path(program).absolute()), *words[1:])


class CommandSink:
    """Runs a command for each notice; nothing of the notice becomes an argument."""

    name = "command"

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    async def send(self, notice: Notice) -> None:
        """Run it to its end."""
        payload = json.dumps(notice.payload, ensure_ascii=False).encode(errors="backslashreplace")
        try:
            ended = await run_process(self._command, payload, {**os.environ, **_variables(notice)})
        except OSError as error:
            raise SinkError(f"cannot be run: {reason_of(error)}") from None
        if ended.code != 0:
            how = f"ended by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
            said = mask_line(printable(ended.said, _SHOWN_ERROR))
            raise SinkError(f"{how} ({said})" if said else how, again=ended.code not in _NOT_RUNNABLE)


def _variables(notice: Notice) -> dict[str, str]:
    fields = {f"{_PREFIX}{name}".upper(): value for name, value in notice.payload.items()}
    return {name: str(value).replace("\0", "") for name, value in fields.items() if name in NOTICE_VARIABLES}
