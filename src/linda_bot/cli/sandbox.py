"""`linda-bot sandbox`: a WhatsApp server for bot authors, and what one does with it from another terminal."""

import argparse
import os
import shlex
import shutil
import textwrap
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from linda_bot.cli.output import print_facts, print_json, print_table, say
from linda_bot.kernel.errors import ExitCode, UsageError
from linda_bot.kernel.masking import mask_line, mask_number, printable
from linda_bot.sandbox.control_api import (
    LONGEST_WAIT_S,
    Done,
    InjectFault,
    MessagesSent,
    PlayScript,
    SandboxState,
    Scan,
    Scanned,
    Send,
    ShowState,
)
from linda_bot.sandbox.control_client import ask

if TYPE_CHECKING:
    from linda_bot.sandbox.forms import Parameter

_ANSWER_WITHIN_S = 40.0
_SEND_WITHIN_S = 240.0
_USUAL_WAIT_S = 5.0
_LARGEST_SCRIPT = 512 * 1024
_UNBOUNDED = 100_000
_INDENT, _READABLE = 18, 100
_NEEDED = ("aiohttp", "cryptography", "trustme", "xeddsa", "zxingcpp")


def serve(options: argparse.Namespace) -> int:
    """Run the server until it is asked to stop."""
    _require_libraries()
    from linda_bot.cli.sandbox_serve import serve as run_server

    return run_server(options.directory, numbers=options.number, script=_script_of(options.script))


def scan(options: argparse.Namespace) -> int:
    """Link the device that shows a code, as a phone would."""
    if (options.what is None) == (options.code is None):
        raise UsageError(
            "say what to scan: the text of a QR code, a picture, a file with the bot's screen, -, or --code"
        )
    if options.what is not None:
        _require_libraries()
        from linda_bot.cli.qr_input import qr_text_from

        asked = Scan(qr=qr_text_from(options.what), number=options.number)
    else:
        asked = Scan(code=options.code, number=options.number)
    done = ask(options.directory, "/scan", asked, Scanned, within_s=_ANSWER_WITHIN_S)
    if options.json:
        _print_document(done, options)
    else:
        say(f"Linked to +{_number(done.number, options)} as its device {done.device}.")
    return ExitCode.OK


def send(options: argparse.Namespace) -> int:
    """Have a contact write; exit code 1 when an answer was waited for and none came."""
    wait_s = options.wait if options.wait is not None else _USUAL_WAIT_S if options.count == 1 else 0.0
    if not 0 <= wait_s <= LONGEST_WAIT_S:
        raise UsageError(f"--wait is a number of seconds from 0 to {LONGEST_WAIT_S:.0f}")
    asked = Send(text=options.text, sender=options.sender, to=options.to, count=options.count, wait_s=wait_s)
    done = ask(options.directory, "/send", asked, MessagesSent, within_s=_SEND_WITHIN_S + wait_s)
    if options.json:
        _print_document(done, options)
        return ExitCode.UNWELL if wait_s and not done.answers else ExitCode.OK
    for text in done.others:
        say(f"From before, or from somebody else: {text}")
    for answer in done.answers:
        for line in (answer.text or f"<{answer.kind}>").splitlines():
            print(printable(line, _UNBOUNDED))
    if done.dropped:
        say(f"{done.dropped} more were dropped by the contact's library: their Signal counters had been used before.")
    if options.count > 1:
        answered = f", {len(done.answers)} answers came" if wait_s else ""
        say(f"{done.sent} messages were sent in {done.took_s:.1f} s{answered}.")
    if wait_s and not done.answers:
        say(f"No answer came within {wait_s:g} s; see: linda-bot sandbox state {shlex.quote(str(options.directory))}")
        return ExitCode.UNWELL
    return ExitCode.OK


def fault(options: argparse.Namespace) -> int:
    """Carry out a fault, play a script of them, or list what there is."""
    if options.list:
        return _list_faults(options)
    if options.directory is None or (options.name is None) == (options.script is None):
        raise UsageError(
            "name a directory and a fault, or a directory and --script FILE; see: linda-bot sandbox fault --list"
        )
    if options.script is not None:
        asked = PlayScript(script=_text_of(options.script))
        done = ask(options.directory, "/script", asked, Done, within_s=_ANSWER_WITHIN_S)
    else:
        wrong = [each for each in options.parameters if "=" not in each]
        if wrong:
            raise UsageError(f"{printable(wrong[0], 40)!r} is no parameter; write key=value")
        parameters = dict(each.split("=", 1) for each in options.parameters)
        asked_one = InjectFault(name=options.name, parameters=parameters)
        done = ask(options.directory, "/fault", asked_one, Done, within_s=_ANSWER_WITHIN_S)
    if options.json:
        _print_document(done, options)
    else:
        say(_shown(done.said, options))
    return ExitCode.OK


def state(options: argparse.Namespace) -> int:
    """Tell how things are on the server."""
    found = ask(options.directory, "/state", ShowState(notes=options.notes), SandboxState, within_s=_ANSWER_WITHIN_S)
    if options.json:
        _print_document(found, options)
        return ExitCode.OK
    print_facts(_state_lines(found), show_numbers=options.show_numbers)
    if found.accounts:
        print()
        heads = ("account", "name", "device", "linked", "online", "queued")
        print_table(heads, _account_rows(found), show_numbers=options.show_numbers)
    if found.notes:
        print()
        rows = [(_clock(note.at), _words(note.what), _listed(note.facts)) for note in found.notes]
        print_table(("at", "what happened", ""), rows, show_numbers=options.show_numbers)
    return ExitCode.OK


def _list_faults(options: argparse.Namespace) -> int:
    _require_libraries()
    from linda_bot.sandbox.faults import CATALOGUE

    if options.json:
        document = {
            name: {
                "summary": kind.summary,
                "parameters": {
                    each: {"summary": parameter.summary, "default": parameter.default}
                    for each, parameter in kind.parameters.items()
                },
            }
            for name, kind in CATALOGUE.items()
        }
        print_json(document, show_numbers=True)
        return ExitCode.OK
    for name, kind in CATALOGUE.items():
        _print_wrapped(name, kind.summary)
        for each, parameter in kind.parameters.items():
            _print_wrapped(f"  {each}=", _explained(parameter))
    return ExitCode.OK


def _print_wrapped(name: str, text: str) -> None:
    columns = min(shutil.get_terminal_size().columns, _READABLE)
    lines = textwrap.wrap(text, max(columns - _INDENT, _INDENT))
    print(f"{name:<{_INDENT}}" + f"\n{'':<{_INDENT}}".join(lines))


def _explained(parameter: "Parameter") -> str:
    if parameter.default is None:
        return f"{parameter.summary} (needed)"
    return f"{parameter.summary} ({parameter.default})" if parameter.default else parameter.summary


def _state_lines(found: SandboxState) -> list[tuple[str, str]]:
    counts = [f"{_words(what)} {count}" for what, count in found.counts.items()]
    faults = [
        f"{each.name} {_listed(each.parameters)}".rstrip()
        + f" at {_clock(each.at)}"
        + (f", {each.ends_in_s:.0f} s left" if each.ends_in_s is not None else "")
        for each in found.faults
    ]
    lines = [
        ("directory", found.directory),
        ("port", str(found.port)),
        ("process", f"{found.pid}, since {_clock(found.since)}"),
        ("counts", ", ".join(counts) or "nothing has happened yet"),
        ("faults since the last clear", "; ".join(faults) or "none"),
    ]
    return [*lines, ("script", "is being played")] if found.script else lines


def _account_rows(found: SandboxState) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for account in found.accounts:
        head = (account.number, f"{account.name} (contact)" if account.contact else account.name)
        for device in account.devices:
            linked = _clock(device.linked_at) if device.linked_at else "before this start"
            rows.append((*head, str(device.device), linked, "yes" if device.online else "no", str(device.queued)))
        if not account.devices:
            rows.append((*head, "none", "", "", ""))
    return rows


def _script_of(file: Path | None) -> str | None:
    return None if file is None else _text_of(file)


def _text_of(file: Path) -> str:
    """Return what a script file holds; raises UsageError."""
    try:
        if file.exists() and not file.is_file():
            raise UsageError(f"{file} is not a file")
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_SCRIPT + 1)
        if len(content) > _LARGEST_SCRIPT:
            raise UsageError(f"{file} is too long for a script: at most {_LARGEST_SCRIPT} bytes")
        return content.decode()
    except OSError as error:
        raise UsageError(f"the script {file} cannot be read: {os.strerror(error.errno or 0).lower()}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the script {file} is not UTF-8 text; a script is JSON") from None


def _require_libraries() -> None:
    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    if missing:
        raise UsageError(f"the sandbox needs its libraries ({missing} is missing): pip install 'linda-bot[sandbox]'")


def _print_document(answer: msgspec.Struct, options: argparse.Namespace) -> None:
    print_json(msgspec.to_builtins(answer), show_numbers=options.show_numbers)


def _number(number: str, options: argparse.Namespace) -> str:
    return number if options.show_numbers else mask_number(number)


def _shown(text: str, options: argparse.Namespace) -> str:
    return text if options.show_numbers else mask_line(text)


def _listed(facts: "dict[str, str] | object") -> str:
    return " ".join(f"{name}={value}" for name, value in facts.items()) if isinstance(facts, dict) else ""


def _words(what: str) -> str:
    return what.replace("_", " ")


def _clock(moment: datetime) -> str:
    """Return the time of day here; the day as well when it was another one."""
    here = moment.astimezone()
    return here.strftime("%H:%M:%S" if here.date() == datetime.now().astimezone().date() else "%Y-%m-%d %H:%M:%S")
