"""MSD, Genius and FMA on their way into the store: parts side by side, nothing done twice, reasons where not run."""

from pathlib import Path

import polars as pl
import pytest

from pipelines.config import DATASET_VARIABLES, Settings
from pipelines.datasets import ingest
from pipelines.datasets.cards import DATASETS, load_card
from pipelines.datasets.ingest import DETAILS, build_tracks, tracks_outputs
from pipelines.lyrics import fma, genius
from pipelines.tables import not_there, read_frame, write_empty
from tests.unit.pipelines.tiny_datasets import MSD_IDS, fma_row, genius_row, touch, write_fma, write_genius, write_msd
from warehouse.contract import load_contract
from warehouse.store import Store
from warehouse.tables import check_table, table_hash

TABLES = ("core.tracks", "core.track_genres", "core.raw_files", "core.rejects", "core.lyrics", *DETAILS.values())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    beside = "[Verse 1] I walk alone at night [x2]\n\n[Chorus: Jay &\nKay] Stay12Embed"
    songs = [genius_row(number, lyrics=beside if number == 3 else None) for number in range(5)]
    rows = [*songs, "short,row\n", genius_row(6, lyrics="[Intro]\n")]
    lyrics = tmp_path / "my lyrics"
    touch(lyrics, "2.txt", "000003.txt", "holiday.txt", "99.txt", content=b"la la\nla la\nli\n")
    touch(lyrics, "notes.doc")
    return Settings(
        {
            "msd": write_msd(tmp_path / "msd"),
            "genius": write_genius(tmp_path / "song_lyrics.csv", rows),
            "fma": write_fma(tmp_path / "fma", [fma_row(2), fma_row(3, split="test"), fma_row(4, subset="large")]),
            "fma_lyrics": lyrics,
        },
        store=tmp_path / "store",
    )


def build(store: Store, settings: Settings) -> list[bool]:
    done = [build_tracks(store, ingest.locate(store, settings, dataset), dataset) for dataset in DETAILS]
    done.append(fma.build_fma_lyrics(store, ingest.lyrics_folder(store, settings), print))
    layout = ingest.genius_layout(store, settings)
    done.append(genius.build_genius_lyrics(store, layout, ["3", "1", "6", "1"], print))
    return done


def test_a_second_pass_does_nothing_and_equal_files_give_equal_tables(tmp_path: Path, settings: Settings) -> None:
    store, other = Store(tmp_path / "a"), Store(tmp_path / "b")
    assert build(store, settings) == [True] * 5
    assert build(store, settings) == [False] * 5
    assert build(other, settings) == [True] * 5
    assert [table_hash(store, name) for name in TABLES] == [table_hash(other, name) for name in TABLES]
    assert [check_table(store, name) for name in TABLES] == [[]] * len(TABLES)
    tracks = read_frame(store, "core.tracks")
    assert tracks.group_by("dataset").len().sort("dataset").rows() == [("fma", 3), ("genius", 6), ("msd", 3)]
    assert read_frame(store, "core.tracks", "msd")["track_id"].to_list() == MSD_IDS
    assert read_frame(store, "core.raw_files").height == 4


def test_lyrics_are_cleaned_and_stay_in_the_large_table(tmp_path: Path, settings: Settings) -> None:
    store = Store(tmp_path / "a")
    build(store, settings)
    lyrics = read_frame(store, "core.lyrics", "genius").select("track_id", "lyrics_status", "lyrics")
    assert lyrics.rows() == [
        ("1", "ok", 'line one, of 1\n\nshe said "yes"'), ("3", "ok", "I walk alone at night\n\nStay"),
        ("6", "empty", None),
    ]  # fmt: skip
    contract = load_contract()
    for name in TABLES:
        if not contract[name].large:
            text = read_frame(store, name).select(pl.col(pl.String)).rows()
            assert not any("line one" in (value or "") for row in text for value in row)


def test_a_users_lyrics_have_their_coverage_and_strangers_are_on_record(tmp_path: Path, settings: Settings) -> None:
    store = Store(tmp_path / "a")
    build(store, settings)
    lyrics = read_frame(store, "core.lyrics", "fma")
    assert lyrics.select("track_id", "lyrics_status", "words_before", "words_after").rows() == [
        ("2", "ok", 5, 3), ("3", "ok", 5, 3), ("4", "missing", 0, 0),
    ]  # fmt: skip
    coverage = fma.coverage(store)
    assert (coverage["medium"], coverage["large"], coverage["medium test"]) == ((2, 2), (2, 3), (1, 1))
    rejects = read_frame(store, "core.rejects", "fma").select("reason", "source_file")
    assert sorted(rejects.rows()) == [
        ("not_in_tracks_csv", "lyrics/99.txt"),
        ("not_in_tracks_csv", "lyrics/holiday.txt"),
        ("unexpected_file", "lyrics/notes.doc"),
    ]


def test_a_changed_file_is_read_again(tmp_path: Path, settings: Settings) -> None:
    store = Store(tmp_path / "a")
    build(store, settings)
    write_genius(settings.datasets["genius"], [genius_row(1, lyrics="new words")])
    assert build(store, settings) == [False, True, False, False, True]
    assert read_frame(store, "core.lyrics", "genius")["lyrics"].to_list() == ["new words"]
    assert not ingest.genius_layout(store, settings).mended.exists()


def test_what_is_not_there_has_a_reason_and_empty_tables(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not_there(store, Settings({"fma": tmp_path}), "msd") == "not run: MGC_MSD_DIR is not set"
    assert not_there(store, Settings(), "msd") == "not run: the sample corpus has no msd yet"
    (tmp_path / "sample" / "msd").mkdir(parents=True)
    assert not_there(store, Settings(), "msd") == ""
    assert write_empty(store, tracks_outputs("msd"))
    assert not write_empty(store, tracks_outputs("msd"))
    assert read_frame(store, "core.msd_tracks").is_empty()


def test_every_dataset_says_what_it_expects_its_licence_and_citation() -> None:
    for dataset in DATASETS:
        about = load_card(dataset)
        assert all((about.name, about.licence, about.citation, about.url.startswith("http"), about.layout))
        assert set(about.variables) <= set(DATASET_VARIABLES.values())
