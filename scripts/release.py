"""Cut a release, and make what is given out; the steps are in docs/releasing.md.

`python -m scripts.release cut 0.2.0` changes the version and the changelog, for a person to look at and commit.
`python -m scripts.release build` checks that the commit is one, builds dist/, tells what is in it, and tries it.
Nothing is committed, tagged, pushed or uploaded.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from linda_bot import __version__
from scripts.changelog import UNRELEASED, cut, entries, newest

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
_CHANGELOG = ROOT / "CHANGELOG.md"
_VERSION_FILE = ROOT / "src" / "linda_bot" / "__init__.py"
_VERSION_LINE = re.compile(r'^__version__ = "[^"]*"$', re.MULTILINE)
_WITHIN_S = 900


def main() -> int:
    """Do what is asked; exit code 1 when it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wishes = parser.add_subparsers(required=True)
    cutting = wishes.add_parser("cut", help="change the version and the changelog")
    cutting.add_argument("version")
    cutting.set_defaults(do=lambda options: _cut(options.version))
    building = wishes.add_parser("build", help="check, build, and try what was built")
    building.set_defaults(do=lambda _: _build())
    options = parser.parse_args()
    try:
        options.do(options)
    except (LookupError, ValueError) as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"release: {error}\n{error.stdout or ''}{error.stderr or ''}")
        return 1
    return 0


def _cut(version: str) -> None:
    changelog = cut(_CHANGELOG.read_text(), version, f"{datetime.now(UTC):%Y-%m-%d}")
    _VERSION_FILE.write_text(_VERSION_LINE.sub(f'__version__ = "{version}"', _VERSION_FILE.read_text()))
    _CHANGELOG.write_text(changelog)
    _say(f"This is {version} now. Look at it (git diff), commit it, then: make release")


def _build() -> None:
    for fault in faults():
        raise ValueError(fault)
    seconds = _git("log", "-1", "--format=%ct")
    shutil.rmtree(DIST, ignore_errors=True)
    made = _make(DIST, seconds)
    with tempfile.TemporaryDirectory() as place:
        again = _make(Path(place), seconds)
        differs = [one.name for one, other in zip(made, again, strict=True) if one.read_bytes() != other.read_bytes()]
    if differs:
        raise ValueError(f"built twice, and not the same: {', '.join(differs)}")
    for file in made:
        _say(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}")
    _try(made[-1])
    _say(f"{__version__} is in {DIST.relative_to(ROOT)}/, and does what it should. What is left: docs/releasing.md")


def faults() -> Iterator[str]:
    """Yield why this commit is no release."""
    if changed := _git("status", "--porcelain"):
        yield f"the tree is not clean:\n{changed}"
    text = _CHANGELOG.read_text()
    version, date = newest(text)
    if version != __version__:
        yield f"this is {__version__}, the changelog's newest release is {version}: make cut VERSION=..."
    if not date:
        yield f"the changelog's section [{version}] has no date"
    if not entries(text, version):
        yield f"the changelog says nothing of {version}"
    if left := entries(text, UNRELEASED):
        yield f"the changelog has unreleased entries, such as: {left[0]}"
    tagged = _git("rev-parse", "--quiet", "--verify", f"refs/tags/v{version}^{{commit}}", check=False)
    if tagged and tagged != _git("rev-parse", "HEAD"):
        yield f"v{version} is another commit: this one needs a version of its own"


def _make(place: Path, seconds: str) -> list[Path]:
    """Build the source archive, and a wheel from it; the times in both are the commit's."""
    build = [sys.executable, "-m", "hatchling", "build"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": seconds}
    _run([*build, "-t", "sdist", "-d", str(place)], cwd=ROOT, environment=environment)
    (archive,) = place.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(archive) as source:
            source.extractall(unpacked, filter="data")
        (directory,) = Path(unpacked).iterdir()
        _run([*build, "-t", "wheel", "-d", str(place)], cwd=directory, environment=environment)
    (wheel,) = place.glob("*.whl")
    return [archive, wheel]


def _try(wheel: Path) -> None:
    """Install the wheel as a stranger does, with what a registry gives for its dependencies, and play the demo."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=True)
        python, home = Path(place, "bin", "python"), Path(place, "home")
        home.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LINDA_", "PYTHON"))}
        _say("Trying it where nothing else is installed ...")
        _run([str(python), "-m", "pip", "install", "--quiet", f"{wheel}[sandbox]"], cwd=home, environment=kept)
        program = str(python.with_name("linda-bot"))
        said = _run([program, "--version"], cwd=home, environment=kept)
        if said != f"linda-bot {__version__}\n":
            raise ValueError(f"the wheel is another version: {said}")
        _say(_run([program, "demo"], cwd=home, environment=kept).splitlines()[-1])


def _git(*words: str, check: bool = True) -> str:
    ran = subprocess.run(  # noqa: S603 (our own words)
        ["git", *words],  # noqa: S607 (whichever git there is)
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=check,
    )
    return ran.stdout.strip()


def _run(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> str:
    ran = subprocess.run(  # noqa: S603 (our own words)
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_WITHIN_S, check=True
    )
    return ran.stdout


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
