"""The reader of Music4All: right folders are found, wrong ones stop with one message, wrong rows are on record."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.datasets import music4all
from pipelines.datasets.common import DatasetError, is_safe_id
from tests.unit.pipelines.tiny_music4all import TRACKS, write_music4all


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_music4all(tmp_path / "m4a")


def append(path: Path, row: bytes) -> None:
    path.write_bytes(path.read_bytes() + row)


def rejects(root: Path) -> list[tuple[str, str | None, str, int | None]]:
    found = music4all.read(music4all.locate(root)).rejects
    return found.select("reason", "track_id", "source_file", "source_row").rows()


def test_every_value_arrives_as_it_is_written(root: Path) -> None:
    tables = music4all.read(music4all.locate(root))
    track = tables.tracks.row(0, named=True)
    assert tables.tracks["track_id"].to_list() == sorted(TRACKS)
    assert (track["title"], track["album"]) == ('"None" of \\ NA', None)
    assert track["genres"] == ["rock", "pop"]
    assert track["tags"] == ["one", "&lt;3"]
    assert (track["release_year"], track["tempo_bpm"], track["catalogue_duration_s"]) == (1999, 120.5, 200.5)
    assert "'; DROP TABLE" in tables.track_genres["genre"].to_list()
    assert tables.track_genres.filter(pl.col("track_id") == "aaa1").select("genre_position", "genre").rows() == [
        (1, "rock"),
        (2, "pop"),
    ]
    assert tables.rejects.is_empty()
    assert set(tables.raw_rows.values()) == {len(TRACKS)}


@pytest.mark.parametrize("levels", [1, 2])
def test_an_archive_that_nests_its_folder_is_found(tmp_path: Path, levels: int) -> None:
    write_music4all(tmp_path.joinpath(*["music4all"] * levels))
    assert music4all.locate(tmp_path).root == tmp_path.joinpath(*["music4all"] * levels)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("id_information.csv", "id,artist,song,album_name\na,b,c,d\n", ("separated by commas", "tab-separated")),
        ("id_genres.csv", "id;genres\na;rock\n", ("separated by semicolons",)),
        ("id_genres.csv", "aaa1\trock\naaa2\tpop\n", ("has no header line", "'aaa1\\trock'")),
        ("id_information.csv", "id\tartist\ttitle\talbum_name\n", ("has no column song", "found id, artist, title")),
        ("id_metadata.csv", "id\ttempo\na\t1\n", ("has no column popularity",)),
        ("id_lang.csv", "", ("is empty", "id, lang")),
    ],
)
def test_a_table_of_another_form_stops_before_any_work(
    root: Path, name: str, content: str, words: tuple[str, ...]
) -> None:
    (root / name).write_text(content)
    with pytest.raises(DatasetError) as stopped:
        music4all.locate(root)
    assert str(root / name) in str(stopped.value)
    assert all(word in str(stopped.value) for word in words)


@pytest.mark.parametrize("name", ["id_information.csv", "id_genres.csv", "audios", "lyrics"])
def test_what_is_missing_is_named_with_the_mend(root: Path, name: str) -> None:
    (root / name).rename(root / "renamed")
    with pytest.raises(DatasetError, match=rf"{name}.*(Set MGC_MUSIC4ALL_DIR|Copy|Unpack)"):
        music4all.locate(root)


def test_an_absent_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        music4all.locate(tmp_path / "nowhere")


def test_optional_tables_may_be_absent(root: Path) -> None:
    for name in ("id_tags.csv", "id_lang.csv", "id_metadata.csv"):
        (root / name).unlink()
    layout = music4all.locate(root)
    tables = music4all.read(layout)
    assert set(layout.absent) == {"id_tags.csv", "id_lang.csv", "id_metadata.csv"}
    assert tables.tracks["language_label"].null_count() == len(TRACKS)
    assert tables.tracks["tags"].to_list() == [[]] * len(TRACKS)
    assert tables.rejects.is_empty()


@pytest.mark.parametrize(
    ("row", "reason", "track_id"),
    [
        (b"ddd1\tArtist\tTab\tin title\tAlbum\n", "too_many_columns", "ddd1"),
        (b"ddd1\tArtist\n", "too_few_columns", "ddd1"),
        (b"\n", "too_few_columns", ""),
        (b"../../x\tArtist\tSong\tAlbum\n", "refused_id", "../../x"),
        (b"..\tArtist\tSong\tAlbum\n", "refused_id", ".."),
        (b"\tArtist\tSong\tAlbum\n", "refused_id", ""),
        (b"/etc/passwd\tArtist\tSong\tAlbum\n", "refused_id", "/etc/passwd"),
        (b"aaa1\tArtist\tSong\tAlbum\n", "duplicate_id", "aaa1"),
    ],
)
def test_a_row_that_is_no_track_is_on_record_with_its_line(root: Path, row: bytes, reason: str, track_id: str) -> None:
    append(root / "id_information.csv", row)
    tables = music4all.read(music4all.locate(root))
    assert (reason, track_id, "id_information.csv", len(TRACKS) + 2) in rejects(root)
    assert tables.tracks.height == len(TRACKS)
    assert tables.raw_rows["id_information.csv"] == len(TRACKS) + 1


def test_a_latin_1_row_is_kept_and_on_record(root: Path) -> None:
    append(root / "id_information.csv", "ddd1\tMotörhead\tÉté\tß\n".encode("latin-1"))
    append(root / "id_genres.csv", b"ddd1\tmetal\n")
    tables = music4all.read(music4all.locate(root))
    assert tables.tracks.filter(pl.col("track_id") == "ddd1")["artist"].to_list() == ["Motörhead"]
    assert ("decoded_as_latin_1", "ddd1", "id_information.csv", len(TRACKS) + 2) in rejects(root)


@pytest.mark.parametrize("value", ["abc", "1,5", "nan", "inf", "1e999"])
def test_what_is_no_number_becomes_unknown_and_is_on_record(root: Path, value: str) -> None:
    path = root / "id_metadata.csv"
    path.write_text(path.read_text().replace("120.5", value, 1))
    tables = music4all.read(music4all.locate(root))
    assert tables.tracks["tempo_bpm"].to_list() == [None] + [120.5] * (len(TRACKS) - 1)
    assert rejects(root) == [("unparsable_number", "aaa1", "id_metadata.csv", 2)]


def test_tables_that_do_not_name_the_same_tracks_are_on_record(root: Path) -> None:
    path = root / "id_genres.csv"
    path.write_text(path.read_text().replace("aaa1\t", "zzz9\t"))
    assert rejects(root) == [
        ("not_in_id_information", "zzz9", "id_genres.csv", 2),
        ("no_row", "aaa1", "id_genres.csv", None),
    ]


def test_a_label_that_comes_twice_counts_once(root: Path) -> None:
    path = root / "id_genres.csv"
    path.write_text(path.read_text().replace("rock,pop", "rock,pop, rock"))
    assert music4all.read(music4all.locate(root)).tracks["genres"][0].to_list() == ["rock", "pop"]
    assert rejects(root) == [("repeated_label", "aaa1", "id_genres.csv", 2)]


def test_windows_line_ends_and_byte_order_mark_change_nothing(root: Path) -> None:
    before = music4all.read(music4all.locate(root))
    for path in root.glob("*.csv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = music4all.read(music4all.locate(root))
    assert after.tracks.equals(before.tracks)
    assert after.rejects.is_empty()


@settings(deadline=None)
@given(st.text(max_size=20))
def test_an_accepted_id_stays_in_its_folder(track_id: str) -> None:
    folder = Path("/dataset/lyrics")
    if is_safe_id(track_id):
        path = folder / f"{track_id}.txt"
        assert path.parent == folder
        assert path.resolve().parent == folder
        assert not track_id.startswith(".")
