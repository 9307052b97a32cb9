"""The files of results that are kept, one a release."""

import re
from collections.abc import Iterable
from pathlib import Path

from benchmarks.document import Document
from benchmarks.programs import RESULTS

FOLDER = RESULTS / "releases"


def age(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Return what puts versions in order: 0.9.0, 0.10.0rc1, 0.10.0rc2, 0.10.0."""
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    if numbers is None:
        message = f"{version} is no version"
        raise ValueError(message)
    rest = version[numbers.end() :]
    return tuple(int(each) for each in numbers[0].split(".")), not rest, rest


def newest_before(new: Document, kept: Iterable[Document]) -> Document | None:
    """Return the newest release that is not newer than this, and is another run; None where there is none."""
    earlier = [each for each in kept if age(each.version) <= age(new.version) and each.at != new.at]
    return max(earlier, key=lambda each: age(each.version), default=None)


def all_kept(folder: Path = FOLDER) -> list[Document]:
    """Read all of them; raises ValueError for one that is none of ours."""
    return [Document.load(path) for path in sorted(folder.glob("*.json"))]


def keep(document: Document, version: str, *, force: bool, folder: Path = FOLDER) -> Path:
    """Write a document as a release's and return where; raises ValueError where that would not be right."""
    if document.version != version:
        message = f"the results are of linda-bot {document.version}, and this is {version}: run the benchmarks first"
        raise ValueError(message)
    path = folder / f"{version}.json"
    if path.exists() and not force:
        message = f"there are results of {version} already; --force replaces them"
        raise ValueError(message)
    document.write(path)
    return path
