"""`python -m benchmarks.compare`: what it prints, its exit code, and the files of the releases."""

from pathlib import Path

import pytest

from benchmarks import compare, releases
from benchmarks.figures import Figure
from tests.unit.benchmarks.samples import document, figure

GOOD, BAD = figure([0.7, 0.8, 0.9, 1.0]), figure([1.2, 1.3, 1.4, 1.5])


@pytest.mark.parametrize(("old", "new", "code"), [(GOOD, BAD, 1), (BAD, GOOD, 0), (GOOD, GOOD, 0)])
def test_the_exit_code_tells_whether_anything_is_worse(
    old: Figure, new: Figure, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files are compared in the order in which they are named."""
    document(old).write(Path("old.json"))
    document(new, version="1.1.0").write(Path("new.json"))
    monkeypatch.setattr("sys.argv", ["compare", "old.json", "new.json"])

    assert compare.main() == code
    assert ("1 of 2 worse" in capsys.readouterr().out) == bool(code)


def test_a_file_that_is_not_there_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So is one that is something else."""
    Path("other.json").write_text("[]")
    for name in ("missing.json", "other.json"):
        monkeypatch.setattr("sys.argv", ["compare", name, name])

        assert compare.main() == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_an_earlier_release_there_is_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One clear line, and no failure: somebody has to be the first."""
    document(GOOD).write(tmp_path / "latest.json")
    monkeypatch.setattr(compare, "all_kept", lambda: releases.all_kept(tmp_path / "releases"))
    monkeypatch.setattr("sys.argv", ["compare"])
    monkeypatch.setattr(compare, "LATEST", tmp_path / "latest.json")

    assert compare.main() == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_another_machine_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the figures."""
    compare.tell(document(GOOD), document(GOOD, cpus=8))

    assert "not measured on the same: cpus: 2 -> 8" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "found"),
    [("0.9.0", None), ("0.10.0rc1", "0.9.0"), ("0.10.0", "0.10.0rc1"), ("0.11.0", "0.10.0"), ("1.0.0", "0.11.0")],
)
def test_the_newest_earlier_release_counts(version: str, found: str | None) -> None:
    """By its number and not by its letters; results are never compared with themselves."""
    names = ("0.10.0", "0.9.0", "0.11.0", "0.10.0rc1")
    kept = [document(version=name, at=f"run of {name}") for name in names]

    before = releases.newest_before(document(version=version, at=f"run of {version}"), kept)

    assert (before and before.version) == found


def test_a_later_run_of_the_same_version_is_compared_with_the_release() -> None:
    """Between two releases the version is the last one's."""
    kept = [document(version="1.0.0", at="the release")]

    assert releases.newest_before(document(version="1.0.0", at="later"), kept) is kept[0]


def test_a_release_keeps_its_results(tmp_path: Path) -> None:
    """They are not replaced by mistake, and never by those of another version."""
    first, second = document(GOOD, at="first"), document(GOOD, at="second")
    releases.keep(first, "1.0.0", force=False, folder=tmp_path)

    with pytest.raises(ValueError, match="already"):
        releases.keep(second, "1.0.0", force=False, folder=tmp_path)
    with pytest.raises(ValueError, match=r"of linda-bot 1\.0\.0"):
        releases.keep(second, "1.1.0", force=True, folder=tmp_path)
    assert releases.all_kept(tmp_path) == [first]

    releases.keep(second, "1.0.0", force=True, folder=tmp_path)
    assert releases.all_kept(tmp_path) == [second]
