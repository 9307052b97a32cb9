"""What is given out: the wheel and the source, built and used where nothing of the checkout is in the way."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from linda_bot import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "linda_bot"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the source archive, and a wheel that was built from it."""
    place = tmp_path_factory.mktemp("built")
    _run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(place)], cwd=ROOT)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(place / "source", filter="data")
    (unpacked,) = (place / "source").iterdir()
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)], cwd=unpacked)
    return place


def test_all_of_the_package_is_in_the_wheel(built: Path) -> None:
    """Pages, styles and the mark that it is typed, too; and nothing else."""
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        facts = archive.read(metadata).decode()
    ours = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == ours
    assert f"\nVersion: {__version__}\n" in facts
    assert not re.search(r"^Requires-Dist: .*(file:|@ )", facts, re.MULTILINE)


def test_the_wheel_does_what_the_checkout_does(built: Path, tmp_path: Path) -> None:
    """Installed on its own, beside what it depends on: it links, answers, is killed and comes back."""
    place = tmp_path / "installed"
    venv.create(place, symlinks=True, with_pip=False)
    (wheel,) = built.glob("*.whl")
    (site,) = (place / "lib").glob("python*/site-packages")
    python = place / "bin" / "python"
    with zipfile.ZipFile(wheel) as archive:  # which is all that installing it does, but for the script
        archive.extractall(site)
    # Its dependencies are those that are tested; the checkout itself is not reached by a path in a file of this kind.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = _run([str(python), "-c", "import linda_bot; print(linda_bot.__file__)"], cwd=tmp_path)
    assert where.startswith(str(place))
    program = [str(python), "-m", "linda_bot"]
    assert _run([*program, "--version"], cwd=tmp_path) == f"linda-bot {__version__}\n"
    assert "times the phone had to link the bot            1" in _run([*program, "demo"], cwd=tmp_path)


def _run(command: list[str], *, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LINDA_", "PYTHON"))}
    ran = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
