"""The reader of FMA: three header rows or a stop, lists and genres read with care, known bad clips, a user's lyrics."""

from pathlib import Path

import pytest

from pipelines.datasets import fma
from pipelines.datasets.common import DatasetError
from tests.unit.pipelines.tiny_datasets import fma_row, touch, write_fma

REAL = Path(__file__).parents[5] / "shared" / "real" / "fma"
LINES_OF_A_ROW, FIRST_LINE = 2, 4


def rejects(root: Path) -> list[tuple[str, str | None, int | None]]:
    return fma.read(fma.locate(root)).rejects.select("reason", "track_id", "source_row").rows()


def test_every_value_arrives_with_genres_by_title(tmp_path: Path) -> None:
    rows = [
        fma_row(2, title='A, "B"'),
        fma_row(98565, genre_top="", split="test", subset="medium", date_released="", language_code=""),
    ]
    tables = fma.read(fma.locate(write_fma(tmp_path / "fma", rows)))
    assert tables.tracks.select("track_id", "title", "release_year", "genres", "tags", "language_label").rows() == [
        ("2", 'A, "B"', 2009, ["Hip-Hop", "Alternative Hip-Hop"], ["a", "b's"], "en"),
        ("98565", "Food 98565", None, ["Hip-Hop", "Alternative Hip-Hop"], ["a", "b's"], None),
    ]
    assert tables.details is not None
    assert tables.details.select("split", "subset", "genre_top", "artist_id", "known_issue").rows() == [
        ("training", "small", "Hip-Hop", "7", None),
        ("test", "medium", None, "7", "short"),
    ]
    assert tables.rejects.is_empty()
    assert tables.raw_rows == {fma.TRACKS: 2, fma.GENRES: 3}


@pytest.mark.parametrize(
    "header", ["track_id,album,artist,title,split", "track_id;set;track", ",album,set,track\n,title,split,title"]
)
def test_another_header_stops(tmp_path: Path, header: str) -> None:
    root = write_fma(tmp_path / "fma", [])
    (root / fma.TRACKS).write_text(f"{header}\n{fma_row(2)}")
    with pytest.raises(DatasetError, match=r"expected three header rows.*use the file as downloaded"):
        fma.locate(root)


def test_a_renamed_column_is_named(tmp_path: Path) -> None:
    root = write_fma(tmp_path / "fma", [fma_row(2)])
    path = root / fma.TRACKS
    path.write_text(path.read_text().replace("genre_top", "top_genre", 1))
    with pytest.raises(DatasetError, match=r"no column \(track, genre_top\)"):
        fma.locate(root)


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        ("unclosed_quote", fma_row(3).replace('""quoted""</p>"', '""quoted""</p>')),
        ("too_few_columns", "3,0,2008-11-26 01:44:45,short\n"),
        ("nul_byte", fma_row(3).replace("Food", "Fo\0od")),
        ("refused_id", fma_row(3).replace("3,", "../x,", 1)),
        ("duplicate_id", fma_row(2, title="again")),
    ],
)
def test_a_bad_row_is_on_record_with_its_line_and_the_rest_goes_on(tmp_path: Path, reason: str, bad: str) -> None:
    root = write_fma(tmp_path / "fma", [fma_row(2), bad, fma_row(4), fma_row(5)])
    found = rejects(root)
    assert [(why, line) for why, _, line in found] == [(reason, FIRST_LINE + LINES_OF_A_ROW)]
    tables = fma.read(fma.locate(root))
    assert tables.tracks["track_id"].to_list() == ["2", "4", "5"]
    assert tables.raw_rows[fma.TRACKS] == 4


def test_a_file_that_is_cut_off_stops(tmp_path: Path) -> None:
    root = write_fma(tmp_path / "fma", [fma_row(2), fma_row(3)])
    path = root / fma.TRACKS
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DatasetError, match="ends in the middle of a row: line 6"):
        fma.read(fma.locate(root))


@pytest.mark.parametrize("genres", ["__import__('os').system('true')", "[" * 5000, "(21,)", "21", "[21, 'x']"])
def test_a_list_that_is_none_is_on_record_and_never_run(tmp_path: Path, genres: str) -> None:
    root = write_fma(tmp_path / "fma", [fma_row(2, genres=genres)])
    assert rejects(root) == [("unparsable_list", "2", FIRST_LINE)]


def test_unknown_genres_and_splits_are_on_record(tmp_path: Path) -> None:
    root = write_fma(tmp_path / "fma", [fma_row(2, genres="[21, 999]", split="dev")])
    assert sorted(reason for reason, _, _ in rejects(root)) == ["unknown_genre", "unknown_split"]
    assert fma.read(fma.locate(root)).tracks["genres"].to_list() == [["Hip-Hop"]]


def test_clips_are_found_by_number_and_the_medium_folder_wins(tmp_path: Path) -> None:
    root = write_fma(tmp_path / "fma", [fma_row(2)])
    touch(root, "fma_medium/000/000002.mp3", "fma_large/000/000002.mp3", "fma_large/000/000003.mp3")
    touch(root, "fma_medium/000/cover.mp3", "fma_medium/checksums")
    found, others = fma.audio_files(fma.locate(root))
    assert {track: entry.name for track, entry in found.items()} == {
        "2": "fma_medium/000/000002.mp3",
        "3": "fma_large/000/000003.mp3",
    }
    assert others == ["fma_medium/000/cover.mp3"]


def test_the_known_bad_clips_are_those_of_the_literature() -> None:
    issues = fma.known_issues()
    assert issues["99134"] == "no_audio"
    assert issues["98567"] == "short"
    assert issues["143992"] == "wrong_length"
    assert len(issues) == 26


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not there")
def test_the_real_metadata_are_read() -> None:
    layout = fma.locate(REAL)
    tables = fma.read(layout)
    assert tables.raw_rows == {fma.TRACKS: 838, fma.GENRES: 163}
    assert tables.tracks.height == 838
    assert tables.rejects.is_empty()
    assert tables.details is not None
    assert tables.details.filter(track_id="10").select("subset", "genre_top").rows() == [("small", "Pop")]
    assert list(fma.audio_files(layout)[0]) == ["10"]
