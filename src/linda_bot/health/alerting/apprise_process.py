"""The process in which Apprise works: it takes 40 MB and half a second that a daemon should not spend.

It reads one request, JSON, from stdin: `check`, addresses, is answered on stdout with the positions of those that
Apprise cannot read; `address`, `subject`, `body` and `purpose` is a notice to send, and the exit code says how it went.
"""

import json
import sys
from typing import Any


def main() -> int:
    """Do what is asked for and return the exit code."""
    request: dict[str, Any] = json.load(sys.stdin)
    import apprise

    if "check" in request:
        addresses = request["check"]
        unreadable = [number for number, each in enumerate(addresses) if not apprise.Apprise().add(each)]
        print(json.dumps(unreadable))  # noqa: T201 (the answer)
        return 0
    apprise_types = {
        "recovery": apprise.NotifyType.SUCCESS,
        "missed": apprise.NotifyType.INFO,
        "test": apprise.NotifyType.INFO,
    }
    way = apprise.Apprise()
    sent = way.add(request["address"]) and way.notify(
        title=request["subject"],
        body=request["body"],
        notify_type=apprise_types.get(request["purpose"], apprise.NotifyType.WARNING),
        body_format=apprise.NotifyFormat.TEXT,
    )
    return 0 if sent else 1


if __name__ == "__main__":
    sys.exit(main())
