"""What was planted is found: the sample corpus through the reader and the passes that real data goes through."""

import dataclasses

import polars as pl
import pytest

from pipelines.corpora.config import load_corpus
from pipelines.corpora.select import Sources, select
from pipelines.datasets import music4all
from pipelines.datasets.ingest import build_tracks
from pipelines.features.audio import build_audio
from pipelines.features.audio_sources import music4all_source
from pipelines.lyrics.language import build_languages
from pipelines.lyrics.music4all import build_lyrics
from pipelines.sample import planted_genres
from pipelines.tables import read_frame
from warehouse.store import Store

SCOPE = len(planted_genres())


@pytest.fixture(scope="module")
def found(sample_corpus, tmp_path_factory):
    """The planted truth and the tables found."""
    root, truth = sample_corpus
    store = Store(tmp_path_factory.mktemp("found"))
    layout = music4all.locate(root / "music4all")
    build_tracks(store, layout)
    build_lyrics(store, layout, lambda _: None)
    build_languages(store, lambda _: None)
    build_audio(store, music4all_source(store, layout), lambda _: None)
    names = ("tracks", "languages", "lyrics", "audio_files", "rejects")
    return truth, {name: read_frame(store, f"core.{name}") for name in names}


def by_track(frame: pl.DataFrame, column: str) -> dict:
    return dict(frame.select("track_id", column).iter_rows())


def test_tracks_and_malformed_rows_are_told_apart(found):
    truth, tables = found
    planted = {track.track_id: (track.artist, track.title) for track in truth.tracks}
    assert {row["track_id"]: (row["artist"], row["title"]) for row in tables["tracks"].to_dicts()} == planted
    rejects = tables["rejects"].filter(stage="read", source_file="id_information.csv")
    assert sorted(rejects.select("track_id", "reason").iter_rows()) == sorted(
        (row.track_id, row.reason) for row in truth.rows
    )


def test_labels_and_features_are_read_as_planted(found):
    truth, tables = found
    assert by_track(tables["tracks"], "genres") == {t.track_id: [*t.genres, *t.genres_outside] for t in truth.tracks}
    for name in ("valence", "energy"):
        assert by_track(tables["tracks"], name) == {t.track_id: getattr(t, name) for t in truth.tracks}


@pytest.mark.parametrize(("table", "status"), [("lyrics", "lyrics_status"), ("audio_files", "audio_status")])
def test_every_file_has_the_status_that_was_planted(found, table, status):
    truth, tables = found
    assert by_track(tables[table], status) == {t.track_id: getattr(t, status) for t in truth.tracks}


def test_language_is_detected_as_planted(found):
    truth, tables = found
    assert by_track(tables["languages"], "language_detected") == {t.track_id: t.language or None for t in truth.tracks}


def test_planted_copies_have_equal_bytes(found):
    truth, tables = found
    sha256 = by_track(tables["audio_files"], "sha256")
    assert all(sha256[t.track_id] == sha256[t.copy_of] for t in truth.with_case("duplicate_audio"))


@pytest.mark.parametrize(
    ("decides", "expected"), [("dataset", "excluded_by_label"), ("langdetect", "excluded_by_langdetect")]
)
def test_tracks_are_excluded_for_the_planted_reason(found, decides, expected):
    truth, tables = found
    frames = [tables[name] for name in ("tracks", "languages", "lyrics", "audio_files", "rejects")]
    sources = Sources(*frames, raw_rows=len(truth.tracks) + len(truth.rows), raw_file="id_information.csv")
    corpus = load_corpus("m4a")
    language = dataclasses.replace(corpus.language, decides=decides)
    selection = select(dataclasses.replace(corpus, language=language), sources, SCOPE)
    exclusions = by_track(selection.exclusions.filter(corpus="m4a"), "reason")
    assert exclusions == {t.track_id: getattr(t, expected) for t in truth.tracks if getattr(t, expected)}
