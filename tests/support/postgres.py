"""A real PostgreSQL server for tests, on this machine and of this process alone."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SERVER_ACCOUNT = "postgres"
"""Who runs the server where the tests run as root, which it refuses: the account that Debian's package makes."""
_WITHIN_S = 30


class Server:
    """A running server; everything in it goes with it."""

    def __init__(self, directory: Path, binaries: Path, *, port: int, fsync: bool = False) -> None:
        """Describe it; without fsync it is as fast as it gets, and a power loss would take it."""
        self._fsync = "on" if fsync else "off"
        self._directory = directory
        self._binaries = binaries
        self.port = port
        self._number = 0

    @property
    def log(self) -> str:
        """What the server has said."""
        return (self._directory / "log").read_text()

    def address(self, database: str = "postgres") -> str:
        """Return the address of a database."""
        return f"postgresql://linda@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        self._number += 1
        name = f"test_{self._number}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "linda", name)
        return self.address(name)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k '' -c fsync={self._fsync} -c max_connections=400"
        self._run("pg_ctl", "-D", self._data, "-l", str(self._directory / "log"), "-o", options, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """End it: `fast` cuts all connections in good order, `immediate` is a crash."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop", check=False)

    def freeze(self) -> None:
        """Have it answer nobody until `thaw`: connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def create(self) -> None:
        """Make its files."""
        self._run("initdb", "-D", self._data, "-U", "linda", "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self._directory / "data")

    def _signal(self, number: signal.Signals) -> None:
        first = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for pid in (first, *map(int, children)):
            with suppress(ProcessLookupError):  # a connection has just been closed
                os.kill(pid, number)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() == 0:
            account = ["--reuid", _SERVER_ACCOUNT, "--regid", _SERVER_ACCOUNT, "--clear-groups"]
            command = ["setpriv", *account, *command]
        # To a file: the server inherits it, and a pipe would not end before the server does.
        with (self._directory / "said").open("w+") as said:
            ran = subprocess.run(command, stdout=said, stderr=said, timeout=_WITHIN_S, check=False, cwd=self._directory)
            said.seek(0)
            assert not check or ran.returncode == 0, f"{program}: {said.read()}"


def find_binaries() -> Path | None:
    """Return where the server's programs are; None where there are none."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def running_server(binaries: Path, *, fsync: bool = False) -> Iterator[Server]:
    """Run a server until the end of the block."""
    # Not under pytest's directory, which only its owner may enter.
    directory = Path(tempfile.mkdtemp(prefix="linda-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(directory, _SERVER_ACCOUNT, _SERVER_ACCOUNT)
    server = Server(directory, binaries, port=_free_port(), fsync=fsync)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.thaw() if (directory / "data" / "postmaster.pid").exists() else None
        server.stop("immediate")
        shutil.rmtree(directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
