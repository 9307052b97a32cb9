"""`linda-bot doctor`: is all well, and what to do next."""

import argparse
import ctypes.util
import os
import platform
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from importlib.util import find_spec

from linda_bot.cli.output import print_json, print_table, say
from linda_bot.cli.places import place_for
from linda_bot.cli.session import manager_of
from linda_bot.kernel.errors import ExitCode
from linda_bot.sessions.doctor import Check, examine, mend

_WHATSAPP = "https://web.whatsapp.com/"
_WITHIN_S = 8.0
_SKEW_AT_MOST_S = 60.0
_WORDS = {True: "ok", False: "NOT WELL", None: "note"}


def doctor(options: argparse.Namespace) -> int:
    """Look at everything; exit code 0 only if all is well."""
    place = place_for(options, with_copies=True)
    manager = manager_of(place)
    checks = examine(manager)
    if options.fix:
        for line in mend(checks):
            say(line)
        checks = examine(manager)
    if place.shared is not None:
        from linda_bot.cli.shared_doctor import examine_database

        checks = examine_database(place.shared, checks)
    checks += _environment()
    checks += [Check("network", None, "not looked at (--offline)")] if options.offline else _network()
    well = all(check.ok is not False for check in checks)
    if options.json:
        document = {
            "well": well,
            "checks": [
                {"name": check.name, "ok": check.ok, "found": check.found, "advice": check.advice} for check in checks
            ],
        }
        print_json(document, show_numbers=options.show_numbers)
        return ExitCode.OK if well else ExitCode.UNWELL
    rows = [(_WORDS[check.ok], check.name, check.found) for check in checks]
    print_table(("", "what", "found"), rows, show_numbers=options.show_numbers)
    advice = [check for check in checks if check.advice and check.ok is not True]
    if advice:
        say("")
        say("What to do:")
        for check in advice:
            say(f"  {check.name}: {check.advice}")
    say("")
    say("All is well." if well else "Not all is well.")
    return ExitCode.OK if well else ExitCode.UNWELL


def _environment() -> list[Check]:
    checks = [Check("Python", ok=True, found=f"{platform.python_version()} on {platform.system()}")]
    try:
        checks.append(Check("neonize", ok=True, found=metadata.version("neonize")))
    except metadata.PackageNotFoundError:
        checks.append(Check("neonize", ok=False, found="is not installed", advice="install linda-bot again"))
    if find_spec("magic") is not None and ctypes.util.find_library("magic") is None:
        advice = "Debian and Ubuntu: apt install libmagic1; macOS: brew install libmagic"
        checks.append(Check("libmagic", ok=None, found="is missing: media cannot be sent", advice=advice))
    else:
        checks.append(Check("libmagic", ok=True, found="is there"))
    return checks


def _network() -> list[Check]:
    """Ask WhatsApp's web server for nothing: it tells whether it can be reached, and what time it is."""
    request = urllib.request.Request(_WHATSAPP, method="HEAD")
    proxied = f" through {_proxy()}" if _proxy() else ""
    try:
        with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:  # noqa: S310 (a fixed address)
            date = answer.headers.get("Date", "")
    except urllib.error.HTTPError as error:  # an answer all the same
        date = error.headers.get("Date", "")
    except (OSError, ssl.SSLError) as error:
        reason = str(getattr(error, "reason", error))
        advice = "is there a network, is the clock right, does a proxy or firewall stand in between?"
        return [Check("network", ok=False, found=f"WhatsApp cannot be reached{proxied}: {reason}", advice=advice)]
    reached = Check("network", ok=True, found=f"WhatsApp can be reached{proxied}")
    return [reached, *_skew(date)]


def _skew(date: str) -> list[Check]:
    try:
        skew_s = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return []
    if abs(skew_s) <= _SKEW_AT_MOST_S:
        return [Check("clock against WhatsApp's", ok=True, found=f"{skew_s:+.0f} s")]
    advice = "set the clock; is a time service running?"
    return [Check("clock against WhatsApp's", ok=False, found=f"{skew_s:+.0f} s", advice=advice)]


def _proxy() -> str:
    """Return the proxy that the environment names, without what stands in it before the host."""
    return os.environ.get("HTTPS_PROXY", os.environ.get("https_proxy", "")).rpartition("@")[2]
