"""Features broken on purpose: a module that a child process imports at its start, before anything of the package.

Production code has no switches for this; each patch is carried out in the children whose command line has its word.
"""

import textwrap
from pathlib import Path
from typing import NamedTuple


class Broken(NamedTuple):
    """A patch, and what the rehearsal must say of it."""

    child: str
    """A word of the command line of the processes that are broken."""
    patch: str
    told: str
    """A part of the reason that must be given."""


BROKEN = {
    "1": Broken(
        "run",
        """
        import linda_bot.cli.run as module
        whole = module.run_bot
        async def run_bot(*arguments):
            await whole(*arguments)
            return 70
        module.run_bot = run_bot
        """,
        "Ctrl+C ended it with exit code 70",
    ),
    "2": Broken(
        "run",
        """
        from linda_bot.sessions.book import SessionBook
        SessionBook._save_status = lambda self, status: None
        """,
        "no device-status.json says linked",
    ),
    "3": Broken(
        "run",
        """
        import linda_bot.cli.qr as module
        whole = module.half_blocks
        module.half_blocks = lambda matrix: ["█" * len(line) for line in whole(matrix)]
        """,
        "the QR code on the screen cannot be read",
    ),
    "4": Broken(
        "run",
        """
        from linda_bot.connection.session_files import StoredSession
        whole = StoredSession.look
        async def look(self):
            return (await whole(self))._replace(linked=False)
        StoredSession.look = look
        """,
        "on the restart it did not say: Existing session found",
    ),
    "5": Broken(
        "run",
        """
        import linda_bot.app.account as module
        from linda_bot.kernel.errors import SessionHeldError
        whole = module.acquire_lock
        async def acquire_lock(paths):
            if paths.lock.exists():
                raise SessionHeldError("another bot holds the session")
            return await whole(paths)
        module.acquire_lock = acquire_lock
        """,
        "another bot holds the session",
    ),
    "6": Broken(
        "run",
        """
        import asyncio
        from linda_bot.connection.keeper import BackupKeeper
        async def at_the_end(self, *, within_s):
            await asyncio.sleep(6)
        BackupKeeper.at_the_end = at_the_end
        """,
        "Ctrl+C took 6",
    ),
    "7": Broken(
        "run",
        """
        import shutil
        from linda_bot.connection.session_files import StoredSession
        whole = StoredSession.look
        async def look(self):
            with (self._paths.data_dir / "looks").open("a+") as looks:
                looks.write("x")
                looks.seek(0)
                if len(looks.read()) > 5:
                    self._paths.store.unlink(missing_ok=True)
                    shutil.rmtree(self._paths.cache)
            return await whole(self)
        StoredSession.look = look
        """,
        "the bot did not say",
    ),
    "8": Broken(
        "run",
        """
        import asyncio
        from linda_bot.whatsapp.adapter import EngineClient
        whole = EngineClient.start
        async def start(self, request):
            await whole(self, request)
            asyncio.get_running_loop().call_later(4, self.kill)
        EngineClient.start = start
        """,
        "",  # whether the server or the friend notices first is chance
    ),
    "9": Broken(
        "run",
        """
        from linda_bot.sessions.book import SessionBook
        whole = SessionBook.change
        def change(self, **changes):
            if changes.get("is_active") is False:
                del changes["is_active"]
            whole(self, **changes)
        SessionBook.change = change
        """,
        "device-status.json does not say isActive False",
    ),
    "10": Broken(
        "linda_bot.sessions.snapshot",
        """
        import linda_bot.sessions.catalogue as module
        module.surplus_backups = lambda *_, **__: []
        """,
        "backups kept, not 5",
    ),
    "11": Broken(
        "run",
        """
        import linda_bot.connection.session_files as module
        from linda_bot.sessions.recovery import Recovery
        module.recover = lambda *_, **__: Recovery()
        """,
        "the bot did not say",
    ),
    "12": Broken(
        "clear",
        """
        from linda_bot.sessions.manager import SessionManager
        SessionManager.clear_session = lambda self: None
        """,
        "the session was not set aside",
    ),
    "13": Broken(
        "run",
        """
        import asyncio
        from linda_bot.connection.session_files import StoredSession
        whole = StoredSession.look
        async def look(self):
            found = await whole(self)
            await asyncio.sleep(10 if found.linked else 0)
            return found
        StoredSession.look = look
        """,
        "not under 10 s",
    ),
    "14": Broken(
        "linda_bot.sessions.snapshot",
        """
        import linda_bot.sessions.manifest as module
        whole = module.save_manifest
        def save_manifest(path, manifest):
            whole(path, manifest)
            path.with_name("ballast").write_bytes(bytes(6_000_000))
        module.save_manifest = save_manifest
        """,
        "a backup takes 6.0 MB",
    ),
    "15": Broken(
        "run",
        """
        from linda_bot.messaging.message import Message
        whole, kept = Message.reply, []
        async def reply(self, *arguments, **more):
            kept.append(bytearray(b"x" * 1_000_000))
            return await whole(self, *arguments, **more)
        Message.reply = reply
        """,
        "it has grown by",
    ),
    "process-crash": Broken(
        "linda_bot.sandbox.engine",
        """
        from linda_bot.whatsapp.engine.process import Engine
        from linda_bot.whatsapp.events import MessageReceived
        whole = Engine._pass_on
        def _pass_on(self, event):
            if self._synced_from is None or not isinstance(event, MessageReceived):
                whole(self, event)
        Engine._pass_on = _pass_on
        """,
        "0 of 3 answers arrived",
    ),
    "client-crash": Broken(
        "run",
        """
        import linda_bot.connection.link as module
        from linda_bot.connection.policy import GiveUp
        from linda_bot.kernel.errors import ExitCode
        module.decide = lambda *_: GiveUp(ExitCode.BUG, "start again")
        """,
        "the bot did not say 'listening for messages'",
    ),
    "power-loss": Broken(
        "run",
        """
        import linda_bot.sessions.opening as module
        module.went_back = lambda *arguments, **more: ""
        """,
        "of 3 answers arrived",
    ),
    "session-corruption": Broken(
        "run",
        """
        from linda_bot.connection.session import PutBack
        from linda_bot.connection.session_files import StoredSession
        whole = StoredSession.recover
        async def recover(self, because):
            return await whole(self, because) if self._paths.store.exists() else PutBack()
        StoredSession.recover = recover
        """,
        "the bot did not say 'listening for messages'",
    ),
    "network-loss": Broken(
        "run",
        """
        import linda_bot.connection.link as module
        from linda_bot.connection.attempt import Attempt
        from linda_bot.connection.lifecycle import Finding
        from linda_bot.connection.policy import Ending, Retry
        Attempt._socket_lost = lambda self: Ending(Finding.GRACE_OVER, "the connection was lost")
        module.decide = lambda ending, tally, *_: Retry(600.0, tally)
        """,
        "it did not come back within 30 s",
    ),
    "device-removal": Broken(
        "run",
        """
        import linda_bot.connection.session_files as module
        from linda_bot.sessions.store import side_files
        def delete(paths, because):
            for file in (paths.store, *side_files(paths.store)):
                file.unlink(missing_ok=True)
        module.set_aside = delete
        """,
        "0 old sessions were set aside, not 1",
    ),
}
"""For each rehearsal a fault in the feature behind it."""


def break_feature(broken: Broken, directory: Path) -> dict[str, str]:
    """Write the module that does it; return the environment in which children import it."""
    patch = textwrap.indent(textwrap.dedent(broken.patch).strip(), "    ")
    (directory / "sitecustomize.py").write_text(f"import sys\n\nif {broken.child!r} in sys.orig_argv:\n{patch}\n")
    return {"PYTHONPATH": str(directory)}
