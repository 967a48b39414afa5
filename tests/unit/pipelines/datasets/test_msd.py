"""The reader of the Million Song Dataset: three sources, three audio layouts, and broken files that stop in words."""

import sqlite3
import sys
from pathlib import Path

import pytest

from pipelines.datasets import msd
from pipelines.datasets.common import DatasetError
from tests.unit.pipelines.tiny_datasets import MSD_COLUMNS, MSD_IDS, MSD_ROWS, touch, write_msd

UNIQUE = "".join(f"{row[0]}<SEP>{row[2]}<SEP>{row[6]}<SEP>{row[1]}\n" for row in MSD_ROWS)


def stop_message(root: Path) -> str:
    with pytest.raises(DatasetError) as stopped:
        msd.read(msd.locate(root))
    return str(stopped.value)


def test_unknown_numbers_are_null_and_the_rest_arrives_as_it_stands(tmp_path: Path) -> None:
    tables = msd.read(msd.locate(write_msd(tmp_path / "AdditionalFiles").parent))
    assert tables.tracks.select("track_id", "artist", "title", "album", "release_year").rows() == [
        (MSD_IDS[0], "Motörhead", 'Say "Hi"', "Album", 1999),
        (MSD_IDS[1], "The Band", "Two\tTabs", None, None),
        (MSD_IDS[2], "Él", "Tres", "Album", 2001),
    ]
    assert tables.details is not None
    assert tables.details.select("track_7digitalid", "shs_perf", "shs_work", "artist_hotttnesss").rows() == [
        (8947470, None, None, 0.4),
        (None, 17, 18, None),
        (8947471, None, None, 0.4),
    ]
    assert tables.rejects.is_empty()
    assert tables.raw_rows == {"AdditionalFiles/track_metadata.db": 3}


def test_a_title_may_hold_the_separator_and_a_short_line_is_on_record_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "unique_tracks.txt").write_bytes(
        UNIQUE.encode() + b"TRX<SEP>SOX\n" + f"{MSD_IDS[0]}<SEP>S<SEP>A<SEP>B\n".encode()
        + b"TRY<SEP>SOY<SEP>Mot\xf6rhead<SEP>A <SEP> B\n../x<SEP>S<SEP>A<SEP>B\n"
    )  # fmt: skip
    tables = msd.read(msd.locate(tmp_path))
    assert tables.tracks.filter(track_id="TRY").select("artist", "title").rows() == [("Motörhead", "A <SEP> B")]
    assert sorted(tables.rejects.select("reason", "track_id", "source_row").rows(), key=str) == [
        ("decoded_as_latin_1", "TRY", None),
        ("duplicate_id", MSD_IDS[0], None),
        ("refused_id", "../x", None),
        ("too_few_columns", "TRX", 4),
    ]
    assert tables.tracks.height + 3 == tables.raw_rows["unique_tracks.txt"] == 7


def test_the_best_source_wins_and_is_not_replaced_by_a_worse_one_when_it_is_broken(tmp_path: Path) -> None:
    write_msd(tmp_path)
    (tmp_path / "unique_tracks.txt").write_text(UNIQUE)
    assert msd.locate(tmp_path).source.name == "track_metadata.db"
    path = tmp_path / "track_metadata.db"
    path.write_bytes(path.read_bytes()[:-4096])
    assert "cut off: its header says" in stop_message(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "no SQLite database"), (b"<html>not found</html>", "no SQLite database")]
)
def test_what_is_no_database_stops(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "track_metadata.db").write_bytes(content)
    assert words in stop_message(tmp_path)


def test_a_renamed_column_and_an_absent_table_are_named(tmp_path: Path) -> None:
    write_msd(tmp_path / "a", [], MSD_COLUMNS.replace("artist_name", "artist"))
    assert "has no column artist_name" in stop_message(tmp_path / "a")
    write_msd(tmp_path / "b")
    connection = sqlite3.connect(tmp_path / "b" / "track_metadata.db")
    connection.execute("ALTER TABLE songs RENAME TO tracks")
    connection.close()
    assert "no table songs" in stop_message(tmp_path / "b")


def test_a_damaged_page_stops(tmp_path: Path) -> None:
    rows = [(f"TR{number}", *MSD_ROWS[0][1:]) for number in range(2000)]
    path = write_msd(tmp_path, rows) / "track_metadata.db"
    content = bytearray(path.read_bytes())
    content[8192 : len(content) - 8192] = b"\xff" * (len(content) - 16384)
    path.write_bytes(content)
    assert "cannot be read" in stop_message(tmp_path)


def test_a_locked_database_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.datasets.msd_sources.LOCK_WAIT_S", 0.1)
    writer = sqlite3.connect(write_msd(tmp_path) / "track_metadata.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    assert "Another program is writing" in stop_message(tmp_path)
    writer.close()


def test_the_hdf5_says_how_to_install_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "msd_summary_file.h5", content=b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert "pip install 'mgc-repro[msd]'" in stop_message(tmp_path)


def test_the_hdf5_gives_the_same_tracks(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="the extra [msd] is not installed")
    import numpy as np

    rows = [tuple(value.encode() if isinstance(value, str) else value for value in row) for row in MSD_ROWS]
    named = [dict(zip((part.split()[0] for part in MSD_COLUMNS.split(", ")), row, strict=True)) for row in rows]
    tables = {
        "metadata": [
            "song_id", "artist_name", "title", "release", "artist_id", "artist_mbid", "artist_familiarity",
            "artist_hotttnesss", "track_7digitalid",
        ],
        "analysis": ["track_id", "duration"],
        "musicbrainz": ["year"],
    }  # fmt: skip
    with h5py.File(tmp_path / "msd_summary_file.h5", "w") as file:
        for group, columns in tables.items():
            kinds = [(name, "S64" if isinstance(named[0][name], bytes) else type(named[0][name])) for name in columns]
            values = [tuple(row[name] for name in columns) for row in named]
            file.create_group(group).create_dataset("songs", data=np.array(values, dtype=kinds))
    from_hdf5 = msd.read(msd.locate(tmp_path))
    from_sqlite = msd.read(msd.locate(write_msd(tmp_path / "sqlite")))
    assert from_hdf5.tracks.equals(from_sqlite.tracks)
    (tmp_path / "msd_summary_file.h5").write_bytes((tmp_path / "msd_summary_file.h5").read_bytes()[:1000])
    assert "cannot be read as HDF5" in stop_message(tmp_path)


def test_mismatched_tracks_are_marked(tmp_path: Path) -> None:
    write_msd(tmp_path)
    line = f"ERROR: <SOUMNSI12AB0182807 {MSD_IDS[1]}> A  -  B  !=  C  -  D\nno such line\n"
    (tmp_path / "sid_mismatches.txt").write_text(line)
    tables = msd.read(msd.locate(tmp_path))
    assert tables.details is not None
    assert tables.details["is_mismatched"].to_list() == [False, True, False]
    assert tables.rejects.select("reason", "source_file", "source_row").rows() == [
        ("unparsable_row", "sid_mismatches.txt", 2)
    ]


def test_audio_is_found_in_each_layout_and_pickles_are_left_alone(tmp_path: Path) -> None:
    layout = msd.locate(write_msd(tmp_path))
    touch(tmp_path, "8/9/8947470.clip.mp3", f"data/A/A/A/{MSD_IDS[1]}.mp3", f"any/where/{MSD_IDS[2]}.flac")
    touch(tmp_path, "strange.mp3", "7D_id_to_path.pkl", content=b"cos\nsystem\n(S'touch pwned'\ntR.")
    details = msd.read(layout).details
    assert details is not None
    found, others = msd.audio_files(layout, details)
    assert {track_id: entry.name for track_id, entry in found.items()} == {
        MSD_IDS[0]: "8/9/8947470.clip.mp3",
        MSD_IDS[1]: f"data/A/A/A/{MSD_IDS[1]}.mp3",
        MSD_IDS[2]: f"any/where/{MSD_IDS[2]}.flac",
    }
    assert others == ["strange.mp3"]


def test_an_empty_folder_names_what_it_should_hold(tmp_path: Path) -> None:
    assert "track_metadata.db, unique_tracks.txt, msd_summary_file.h5" in stop_message(tmp_path)
