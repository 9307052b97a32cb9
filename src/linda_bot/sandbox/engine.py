"""The sandbox's engine: the production engine after one change in its own memory, the root key that is trusted.

Run as `python -m linda_bot.sandbox.engine`, with the sandbox's environment; refuses to run when the proxy that it is
given is not on the loopback interface.
"""

import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from linda_bot.kernel.errors import UsageError
from linda_bot.sandbox.library import HOST, MEDIA_HOST, replace_root_key

ROOT_VARIABLE = "LINDA_SANDBOX_ROOT"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def prepare(environment: Mapping[str, str]) -> None:
    """Trust the sandbox's root; raises UsageError when this is not the environment of a sandbox."""
    if not _stays_on_this_machine(environment):
        message = "the sandbox's engine runs only behind a sandbox on this machine (HTTPS_PROXY is not loopback)"
        raise UsageError(message)
    try:
        root = bytes.fromhex(environment.get(ROOT_VARIABLE, ""))
    except ValueError:
        root = b""
    replace_root_key(root)


def _stays_on_this_machine(environment: Mapping[str, str]) -> bool:
    """Return whether every way to WhatsApp leads through a proxy on the loopback interface.

    Go takes the proxy variables in capitals and in small letters; NO_PROXY names hosts that are dialled directly.
    """
    proxies = [value for name, value in environment.items() if name.upper() == "HTTPS_PROXY"]
    lists = [value for name, value in environment.items() if name.upper() == "NO_PROXY"]
    direct = [
        entry.strip().partition(":")[0].lstrip("*.") for value in lists for entry in value.split(",") if entry.strip()
    ]
    return (
        bool(proxies)
        and all(urlsplit(proxy).hostname in _LOOPBACK for proxy in proxies)
        and not any(host.endswith(entry) for entry in direct for host in (HOST, MEDIA_HOST))
    )


def main() -> None:
    """Prepare, then run the engine; never returns."""
    try:
        prepare(os.environ)
    except UsageError as error:
        sys.exit(f"linda-bot sandbox engine: {error}")
    from linda_bot.whatsapp.engine import main as run_engine

    run_engine()


if __name__ == "__main__":
    main()
