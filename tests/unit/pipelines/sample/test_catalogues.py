"""The planted Million Song Dataset and Genius: readable as they are on disk, and matched exactly as planted."""

import csv
import sqlite3
from collections import Counter
from contextlib import closing

import duckdb
import polars as pl
import pytest
import soundfile

from pipelines.matching import match_tables
from pipelines.sample.catalogues import Catalogues, plan_catalogues
from pipelines.sample.corruptions import corrupt_songs
from pipelines.sample.genius import COLUMNS
from pipelines.sample.planting import planted
from pipelines.sample.songs import plan_songs


@pytest.fixture(scope="module")
def corpus(sample_corpus):
    return sample_corpus


def plan(seed: int, tracks: int) -> Catalogues:
    return plan_catalogues(corrupt_songs(plan_songs(seed, tracks), seed), seed)


def songs_table(root) -> list[dict]:
    with closing(sqlite3.connect(root / "msd" / "track_metadata.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM songs")]


def genius_rows(root) -> list[list[str]]:
    with (root / "genius" / "song_lyrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def matches(catalogues: Catalogues) -> dict[tuple[str, str], str]:
    with duckdb.connect() as connection:
        for name in ("msd", "genius"):
            rows = [(song.track_id, song.artist, song.title) for song in getattr(catalogues, name)]
            connection.register(name, pl.DataFrame(rows, schema=["track_id", "artist", "title"], orient="row"))
        return {(left, right): kind for left, right, kind, _ in match_tables(connection, "msd", "genius").rows()}


@pytest.mark.parametrize(("seed", "tracks"), [(0, 48), (0, 180), (1, 180), (2, 400)])
def test_every_planted_pair_is_found_and_no_other(seed, tracks):
    catalogues = plan(seed, tracks)
    expected = {(pair.msd_id, pair.genius_id): pair.kind for pair in catalogues.pairs if pair.kind}
    assert matches(catalogues) == expected
    kinds = Counter(pair.kind for pair in catalogues.pairs)
    assert kinds["exact"] >= 15
    assert kinds["normalised"] >= 10
    assert min(kinds["fuzzy"], kinds[""]) >= 6


def test_equal_seeds_give_equal_catalogues_and_others_do_not():
    assert plan(0, 60) == plan(0, 60)
    assert plan(0, 60) != plan(1, 60)


def test_every_case_is_planted_at_the_smallest_size():
    catalogues = plan(0, 48)
    cases = {case for song in (*catalogues.msd, *catalogues.genius) for case in song.cases}
    assert set(planted("catalogues")["cases"]) <= cases
    assert {pair["case"] for pair in planted("catalogues")["pairs"]} <= {pair.case for pair in catalogues.pairs}
    assert {"second_track", "repeated_row"} <= {pair.case for pair in catalogues.pairs}


def test_both_catalogues_hold_songs_of_music4all(corpus):
    _, truth = corpus
    known = {(track.artist, track.title) for track in truth.tracks}
    assert all(sum((song.artist, song.title) in known for song in songs) >= 5 for songs in (truth.msd, truth.genius))


def test_msd_is_sqlite_and_text_with_the_same_tracks(corpus):
    root, truth = corpus
    rows = songs_table(root)
    assert [(row["track_id"], row["artist_name"], row["title"]) for row in rows] == [
        (track.track_id, track.artist, track.title) for track in truth.msd
    ]
    lines = (root / "msd" / "unique_tracks.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("<SEP>", 3) for line in lines] == [
        [row["track_id"], row["song_id"], row["artist_name"], row["title"]] for row in rows
    ]
    assert {0, -1} <= {row[name] for row in rows for name in ("year", "track_7digitalid", "shs_perf")}
    assert None in {row["artist_hotttnesss"] for row in rows}
    second = next(track for track in truth.msd if "second_track" in track.cases)
    song = next(row["song_id"] for row in rows if row["track_id"] == second.track_id)
    assert sum(row["song_id"] == song for row in rows) == 2
    listed = (root / "msd" / "sid_mismatches.txt").read_text(encoding="utf-8").splitlines()
    assert len(listed) == sum("song_id_mismatch" in track.cases for track in truth.msd) == 1


def test_msd_audio_is_there_for_what_is_kept_and_nowhere_else(corpus):
    root, truth = corpus
    for track in truth.msd:
        letters = track.track_id[2:5]
        path = root / "msd" / "audio" / letters[0] / letters[1] / letters[2] / f"{track.track_id}.mp3"
        assert path.exists() == (track.audio_status != "missing")
        if not track.excluded_by_label or not track.excluded_by_langdetect:
            assert soundfile.info(path).duration > 10.24
    reasons = Counter(track.excluded_by_langdetect for track in truth.msd)
    assert {"unmatched", "language:es", "language:unknown", "audio_missing", "audio_unreadable", "audio_short"} < set(
        reasons
    )
    assert reasons[""] > 20


def test_genius_is_one_csv_with_the_damage_that_the_truth_lists(corpus):
    root, truth = corpus
    header, *rows = genius_rows(root)
    assert tuple(header) == COLUMNS
    assert Counter(len(row) for row in rows) == {len(COLUMNS): len(truth.genius) + 1, 4: 1}
    assert sum("\0" in "".join(row) for row in rows) == 1
    text = (root / "genius" / "song_lyrics.csv").read_text(encoding="utf-8")
    assert all(f"\n{row.text}\n" in text for row in truth.damage)
    assert {row.reason for row in truth.damage} == {"nul_byte", "too_few_columns"}


def test_genius_lyrics_and_languages_are_as_odd_as_the_truth_says(corpus):
    root, truth = corpus
    header, *rows = genius_rows(root)
    written = {row[7]: dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)}
    for song in truth.genius:
        row = written[song.track_id]
        assert (row["artist"], row["title"], row["language"]) == (song.artist, song.title, song.language_label)
        assert (row["tag"] == "misc") == ("not_a_song" in song.cases)
        assert (not row["lyrics"]) == (song.lyrics_status == "missing")
        if song.lyrics_status == "ok" and "not_a_song" not in song.cases:
            assert row["lyrics"].count("\n[Chorus]\n") == 3
        if song.lyrics_status == "empty":
            assert all(line.startswith("[") for line in row["lyrics"].splitlines())
        agreed = row["language_cld3"] == row["language_ft"]
        assert agreed == (bool(row["language"]) or not song.language)
    assert {"es", "en", ""} <= {row["language"] for row in written.values()}
    names = Counter((song.artist, song.title) for song in truth.genius)
    assert max(names.values()) == 2
