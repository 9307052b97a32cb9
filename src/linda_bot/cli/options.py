"""The options of all commands."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from linda_bot import __version__
from linda_bot.kernel.errors import ExitCode


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (try: {self.prog} --help)\n")


def make_parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return what takes these arguments apart; of `run` alone where that is asked for: all would cost it 10 ms."""
    parser = _Parser(
        prog="linda-bot",
        description="A WhatsApp bot daemon whose session survives everything.",
        epilog="Settings come from the environment and from .env, see .env.example.",
    )
    parser.add_argument("--version", action="version", version=f"linda-bot {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    if arguments[:1] == ["run"]:
        return parser
    _add_init(commands)
    _add_demo(commands)
    _add_rehearse(commands)
    _add_session_commands(commands)
    _add_fleet(commands)
    _add_accounts(commands)
    _add_sandbox(commands)
    return parser


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("run", help="run the bot; shows a QR code when it is not linked yet")
    _add_place(parser)
    parser.add_argument("--no-qr", action="store_true", help="never show a QR code: exit when linking is needed")
    parser.add_argument("--pair-phone", metavar="NUMBER", help="link by a code that is typed on the phone NUMBER")
    parser.add_argument("--qr-file", metavar="FILE.PNG", help="also keep a picture of the valid QR code in this file")
    parser.add_argument(
        "--http", metavar="ADDRESS", help="serve a web page to link on and look at, e.g. 127.0.0.1:8080"
    )
    parser.add_argument("--handlers", metavar="BOT.PY", help="a Python file or module with your `router`")
    parser.add_argument("--reload", action="store_true", help="load the handlers anew when their files change")
    parser.add_argument("--sandbox", type=Path, metavar="DIR", help="talk to the sandbox that runs in DIR")
    parser.set_defaults(command=_run)


def _add_init(commands: "argparse._SubParsersAction[_Parser]") -> None:
    text = "write the files of a first bot, its test included, and say what to do with them"
    parser = commands.add_parser("init", help=text, description=text[:1].upper() + text[1:] + ".")
    parser.add_argument(
        "directory", type=Path, metavar="DIR", nargs="?", default=Path(), help="where to (default: this directory)"
    )
    parser.set_defaults(command=_later("init.init"))


def _add_demo(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = commands.add_parser("demo", help="see it link, answer, be killed and come back, without a phone")
    parser.set_defaults(command=_demo)


def _add_rehearse(commands: "argparse._SubParsersAction[_Parser]") -> None:
    text = "see whether your set-up survives everything: restarts, crashes, damage, lost networks, without a phone"
    parser = commands.add_parser("rehearse", help=text, description=text[:1].upper() + text[1:] + ".")
    parser.add_argument("--list", action="store_true", help="only list what is rehearsed")
    parser.add_argument("--only", metavar="NAMES", help="only these, for example 4,7,power-loss")
    parser.add_argument("--handlers", metavar="BOT.PY", help="a Python file or module with your `router`")
    parser.add_argument("--report", type=Path, metavar="FILE.HTML", help="also write a report with charts")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what was rehearsed with in a new directory")
    parser.add_argument("--json", action="store_true", help="print one JSON document, with every measurement")
    parser.set_defaults(command=_later("rehearse.rehearse"))


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", type=Path, help="where sessions and logs are kept (default: this directory)")
    parser.add_argument("--account", help="the account's phone number in international format")


def _add_session_commands(commands: "argparse._SubParsersAction[_Parser]") -> None:
    def add(name: str, command: str, text: str) -> _Parser:
        parser = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
        _add_place(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--show-numbers", action="store_true", help="show phone numbers in full")
        parser.set_defaults(command=_later(command))
        return parser

    add("status", "status.status", "how the bot is: live from the one that runs, else from its files")
    add("info", "session.info", "what is known of the session")
    doctor = add("doctor", "doctor.doctor", "whether all is well, and what to do next; exit code 0 only if it is")
    doctor.add_argument("--fix", action="store_true", help="mend what is safe to mend")
    doctor.add_argument("--offline", action="store_true", help="do not try to reach WhatsApp")
    reconnect = add("reconnect", "reconnect.reconnect", "have the running bot connect anew now, instead of waiting")
    reconnect.add_argument("--wait", type=float, default=30, metavar="S", help="how long to wait for it (default: 30)")
    inbox = add("inbox", "mail.inbox", "list the messages that could not be handled, and decide on them")
    inbox.add_argument("--waiting", action="store_true", help="also those that wait to be handled")
    inbox.add_argument("--retry", metavar="NUMBER", help="have a message handled again, or `all`")
    inbox.add_argument("--forget", metavar="NUMBER", help="let go of a message, or of `all`")
    outbox = add("outbox", "mail.outbox", "list the messages that are not sent, or not for sure, and decide on them")
    outbox.add_argument("--retry", metavar="NUMBER", help="have a message sent again, or `all`")
    outbox.add_argument("--drop", metavar="NUMBER", help="delete a message without sending it, or `all`")
    for mail in (inbox, outbox):
        mail.add_argument("--show-texts", action="store_true", help="show what is written in them")
        mail.add_argument("--yes", action="store_true", help="do not ask")
    _add_review_commands(add)
    send = add("send", "control.send", "send a text through the running bot")
    send.add_argument("to", metavar="NUMBER", help="a phone number in international format, or a JID")
    send.add_argument("text", metavar="TEXT", help="what to write; - reads it from stdin")
    send.add_argument("--wait", type=float, default=30, metavar="S", help="how long to wait for WhatsApp (default: 30)")
    add("pause", "control.pause", "have the bot handle and send nothing until `resume`; the link stays")
    add("resume", "control.resume", "end a pause")
    add("link", "link.link", "print a link to the web page on which a phone links the running bot; it works once")
    logout = add("logout", "control.logout", "unlink the bot from its phone, and set the session aside")
    logout.add_argument("--yes", action="store_true", help="do not ask")
    logout.add_argument(
        "--sandbox", type=Path, metavar="DIR", help="the sandbox that runs in DIR, if it is its session"
    )
    add("backups", "session.backups", "list the backups of the session")
    backup = add("backup", "session.backup", "make a verified backup now, also while the bot runs")
    backup.add_argument("--new-key", type=Path, metavar="FILE", help="only make a key for encrypted backups")
    restore = add("restore", "session.restore", "put a backup back: the newest good one, or the one that is named")
    restore.add_argument("backup", nargs="?", metavar="BACKUP", help="its name or its number; see `linda-bot backups`")
    restore.add_argument("--force", action="store_true", help="also one of a device that the phone has removed since")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    clear = add("clear", "session.clear", "set the session aside, so that the next start shows a QR code")
    clear.add_argument("--yes", action="store_true", help="do not ask")
    export = add("export", "session.export", "write the session into a file, to move it to another machine")
    export.add_argument("file", type=Path, metavar="FILE", help="a new file")
    bring = add("import", "session.import_", "take a session out of a file that `linda-bot export` wrote")
    bring.add_argument("file", type=Path, metavar="FILE")
    bring.add_argument("--force", action="store_true", help="also where there is a session already")
    _add_migrate(add)


def _add_migrate(add: Callable[[str, str, str], _Parser]) -> None:
    migrate = add("migrate", "migrate.migrate", "move the account from files to a shared database, or back")
    place = "`files`, `database` (the one that LINDA_STORE names) or an address: postgresql://user@host/name"
    migrate.add_argument("--to", required=True, metavar="PLACE", help=place)
    migrate.add_argument("--from", dest="source", metavar="ADDRESS", help="with `--to files`: not LINDA_STORE's")
    migrate.add_argument("--all", action="store_true", help="all accounts of the data directory, or of the database")
    migrate.add_argument("--yes", action="store_true", help="do not ask")


def _add_review_commands(add: Callable[[str, str, str], _Parser]) -> None:
    """Add the commands that look back."""
    why = add("why", "why.why", "why anything happened: the story of the session, in order of time")
    why.add_argument(
        "--since", metavar="TIME", help="from then on: 2h, 3d, or 2026-02-07T08:00 (default: what matters)"
    )
    why.add_argument("--all", action="store_true", help="everything that the history has")
    history = add("history", "history.history", "the session's life, newest last")
    history.add_argument("--since", metavar="TIME", help="from then on: 2h, 3d, or 2026-02-07T08:00")
    history.add_argument("-n", "--last", type=int, metavar="N", default=0, help="only the newest N entries")
    stats = add("stats", "stats.stats", "figures: time up, reconnects, restores, messages, and a chart of the link")
    stats.add_argument("--days", type=int, default=7, metavar="N", help="of so many days, at most 30 (default: 7)")
    health = add("health", "health.health", "how the bot is and was; exit code 0 only if it is healthy")
    health.add_argument("-n", "--last", type=int, metavar="N", default=12, help="the newest N samples (default: 12)")
    alerts = add("alerts", "alerts.alerts", "what a person was told of, and what became of it; incidents that are open")
    alerts.add_argument("-n", "--last", type=int, metavar="N", default=10, help="the newest N notices (default: 10)")
    alerts.add_argument(
        "--test", action="store_true", help="send a test notice by every way that is set; exit code 1 if one fails"
    )
    logs = add("logs", "logs.logs", "read the event log")
    logs.add_argument("--category", action="append", metavar="WORD", help="session, connection, message, health, error")
    logs.add_argument("--level", metavar="WORD", help="this and worse: debug, info, warning, error")
    logs.add_argument("--event", action="append", metavar="NAME", help="only events of this name; see docs/events.md")
    logs.add_argument("--since", metavar="TIME", help="from then on: 2h, 3d, or 2026-02-07T08:00")
    logs.add_argument("--until", metavar="TIME", help="up to then")
    logs.add_argument("--grep", metavar="TEXT", help="only lines that contain this")
    logs.add_argument("-n", "--last", type=int, metavar="N", default=0, help="only the newest N lines")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until Ctrl+C")
    watch = add("watch", "watch.watch", "how the bot is, live, on the whole screen; q ends it")
    watch.add_argument("--every", type=float, default=1.0, metavar="S", help="how often to look (default: 1)")
    bundle = add("support-bundle", "bundle.bundle", "an archive for whoever helps: no keys, no numbers, no texts")
    bundle.add_argument("file", type=Path, nargs="?", metavar="FILE.tar.gz", help="a new file")


def _add_fleet(commands: "argparse._SubParsersAction[_Parser]") -> None:
    text = "the hosts that share LINDA_STORE, which of them has which account, and the latest moves"
    parser = commands.add_parser("fleet", help=text, description=text[:1].upper() + text[1:] + ".")
    parser.add_argument("-n", "--last", type=int, metavar="N", default=10, help="the newest N moves (default: 10)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--show-numbers", action="store_true", help="show phone numbers in full")
    parser.set_defaults(command=_later("fleet.fleet"))


def _add_accounts(commands: "argparse._SubParsersAction[_Parser]") -> None:
    text = "the accounts of a bot that has several: list, add, link, pause, resume and remove them"
    group = commands.add_parser("accounts", help=text, description=text[:1].upper() + text[1:] + ".")
    actions = group.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: str, text: str, *, takes: str | None) -> _Parser:
        parser = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
        if takes is not None:
            parser.add_argument("number", metavar="NUMBER", help=takes)
        parser.add_argument("--data-dir", type=Path, help="where sessions and logs are kept (default: this directory)")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--show-numbers", action="store_true", help="show phone numbers in full")
        parser.set_defaults(command=_later(f"accounts.{command}"))
        return parser

    which = "the account's phone number, or the end of it"
    add("list", "listed", "list them", takes=None)
    add("add", "add", "add an account; it must be linked then", takes="a phone number in international format")
    link = add("link", "link", "show a code here that links an account to its phone", takes=which)
    link.add_argument("--pair-phone", metavar="NUMBER", help="show a code to type on the phone NUMBER instead")
    add("pause", "pause", "have nothing of an account run until `resume`; its session stays", takes=which)
    add("resume", "resume", "end a pause, or have an account begin anew that has ended", takes=which)
    remove = add("remove", "remove", "end an account and forget it; its files stay", takes=which)
    remove.add_argument("--yes", action="store_true", help="do not ask")


def _add_sandbox(commands: "argparse._SubParsersAction[_Parser]") -> None:
    text = "a WhatsApp server on this machine to try a bot on: no phone, no account, no internet"
    group = commands.add_parser("sandbox", help=text, description=text[:1].upper() + text[1:] + ".")
    actions = group.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, text: str, *, directory: str | None = None) -> _Parser:
        parser = actions.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
        parser.add_argument("directory", type=Path, metavar="DIR", nargs=directory, help="the sandbox's directory")
        parser.set_defaults(command=_later(f"sandbox.{name}"))
        return parser

    def add_output(parser: _Parser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--show-numbers", action="store_true", help="show phone numbers in full")

    serve = add("serve", "run the server until Ctrl+C; the same directory has the same accounts and devices again")
    serve.add_argument(
        "--number",
        action="append",
        default=[],
        help="an account; the first one is meant where none is named (971505760056)",
    )
    serve.add_argument("--script", type=Path, metavar="FILE", help="play a JSON script of faults")
    scan = add("scan", "link the bot that shows a code, as a phone does")
    scan.add_argument(
        "what",
        metavar="WHAT",
        nargs="?",
        help="the QR code: its text, a picture (PNG, JPEG), a file with the bot's screen, or - for stdin",
    )
    scan.add_argument("--code", metavar="ABCD-EFGH", help="a pairing code instead")
    scan.add_argument("--number", default="", help="the account to link it to (the sandbox's first)")
    add_output(scan)
    send = add("send", "write to the bot and print what it answers; exit code 1 when nothing comes")
    send.add_argument("text", metavar="TEXT")
    send.add_argument(
        "--from", dest="sender", metavar="NUMBER", default="4915112345678", help="who writes (%(default)s)"
    )
    send.add_argument("--to", metavar="NUMBER", default="", help="the bot's account (the sandbox's first)")
    send.add_argument("--count", type=int, default=1, metavar="N", help="how many times (1)")
    send.add_argument(
        "--wait",
        type=float,
        metavar="S",
        help="how many seconds to wait for answers (5; 0 when --count is more than 1)",
    )
    add_output(send)
    fault = add("fault", "have a fault: something that the server or the network does wrong", directory="?")
    fault.add_argument("name", metavar="NAME", nargs="?", help="which one; `clear` ends them all")
    fault.add_argument("parameters", metavar="KEY=VALUE", nargs="*")
    fault.add_argument("--list", action="store_true", help="list them")
    fault.add_argument("--script", type=Path, metavar="FILE", help="play a JSON script of faults")
    add_output(fault)
    state = add("state", "tell how things are: accounts, devices, counts, faults, what happened last")
    state.add_argument("--notes", type=int, default=10, metavar="N", help="how many of the newest notes (%(default)s)")
    add_output(state)


def _later(name: str) -> Callable[[argparse.Namespace], int]:
    """Return a command that is imported when it is carried out."""
    module, _, function = name.partition(".")

    def command(options: argparse.Namespace) -> int:
        from importlib import import_module

        work: Callable[[argparse.Namespace], int] = getattr(import_module(f"linda_bot.cli.{module}"), function)
        return work(options)

    return command


def _run(options: argparse.Namespace) -> int:
    from linda_bot.cli.run import run

    return run(options)


def _demo(_options: argparse.Namespace) -> int:
    from linda_bot.cli.demo import demo

    return demo()
