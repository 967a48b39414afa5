"""`python -m pipelines.datasets check`: what is found, missing and corrupt, and the exit status."""

import json
from pathlib import Path

import pytest

from pipelines.config import DATASET_VARIABLES
from pipelines.datasets.__main__ import main
from tests.unit.pipelines.tiny_datasets import fma_row, genius_row, touch, write_fma, write_genius, write_msd
from tests.unit.pipelines.tiny_music4all import write_music4all

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in DATASET_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


def test_all_datasets_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    fma = write_fma(tmp_path / "fma", [fma_row(2), fma_row(3), fma_row(4)])
    touch(fma, "fma_medium/000/000002.mp3", "fma_medium/000/000777.mp3")
    touch(fma, "fma_medium/000/000003.mp3", content=b"<html>")
    monkeypatch.setenv("MGC_MUSIC4ALL_DIR", str(write_music4all(tmp_path / "m4a")))
    monkeypatch.setenv("MGC_MSD_DIR", str(write_msd(tmp_path / "msd")))
    genius = write_genius(tmp_path / "g.csv", [genius_row(1), "a,b\n", genius_row(2)])
    monkeypatch.setenv("MGC_GENIUS_CSV", str(genius))
    monkeypatch.setenv("MGC_FMA_DIR", str(fma))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert main(["check"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "8 of 8 tracks have a file",
        "missing sid_mismatches.txt 1 optional file",
        "corrupt too_few_columns 1 rows on record in core.rejects: song_lyrics.csv, line 6",
        "missing fma_medium 1 tracks without a file: 4",
        "corrupt fma_medium 1 files that are empty, or no audio by their first bytes: fma_medium/000/000003.mp3",
        "foreign fma_medium 1 files that belong to no track: fma_medium/000/000777.mp3",
        "cite: M. Defferrard",
    ):
        assert words in text
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_what_is_required_and_missing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    root = write_fma(tmp_path / "fma", [fma_row(2)])
    (root / "fma_metadata" / "genres.csv").unlink()
    monkeypatch.setenv("MGC_FMA_DIR", str(root))
    assert main(["check", "--dataset", "fma", "--json"]) == 1
    [report] = json.loads(capsys.readouterr().out)
    assert report["status"] == "unusable"
    missing = [finding for finding in report["findings"] if finding["stops"]]
    assert missing[0]["status"] == "missing"
    assert missing[0]["paths"] == [str(root / "fma_metadata" / "genres.csv")]


def test_a_corrupt_table_fails_also_when_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("MGC_MSD_DIR", str(tmp_path))
    (tmp_path / "track_metadata.db").write_bytes(b"not a database")
    assert main(["check", "--quick"]) == 1
    assert "no SQLite database" in " ".join(capsys.readouterr().out.split())


def test_nothing_set_lists_what_would_be_needed(capsys: Capture) -> None:
    assert main(["check"]) == 0
    text = capsys.readouterr().out
    assert all(variable in text for variable in DATASET_VARIABLES.values())
    assert "sample corpus" in text
    assert main(["check", "--dataset", "msd"]) == 1


def test_a_wrong_path_names_the_variable(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("MGC_FMA_DIR", "/no/such/folder")
    assert main(["check"]) == 2
    assert "MGC_FMA_DIR" in capsys.readouterr().err
