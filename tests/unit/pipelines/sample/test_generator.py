"""The planted corpus: on disk as Music4All is, the same bytes every time, and with everything planted that it says."""

import hashlib
import html
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.sample import generate, is_current, planted_genres, read_truth
from pipelines.sample.corruptions import corrupt_songs
from pipelines.sample.planting import planted
from pipelines.sample.songs import plan_songs

TRACKS = 48  # as the shared corpus has
GENERATE = f"""
import pathlib, sys
from pipelines.sample import generate
generate(pathlib.Path(sys.argv[1]), tracks={TRACKS}, threads=1)
"""


@pytest.fixture(scope="module")
def corpus(sample_corpus):
    return sample_corpus


def contents(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def table(root: Path, name: str) -> list[list[str]]:
    lines = (root / "music4all" / name).read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [line.split("\t") for line in lines]


def start(root: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", GENERATE, str(root)], cwd=Path.cwd())


def test_a_killed_call_leaves_nothing_finished_and_two_at_once_write_the_same_bytes(corpus, tmp_path):
    killed = start(tmp_path)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".music4all.unfinished/audios/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not is_current(tmp_path, tracks=TRACKS)
    assert not (tmp_path / "music4all").exists()
    assert [process.wait(timeout=120) for process in (start(tmp_path), start(tmp_path))] == [0, 0]
    assert contents(tmp_path) == contents(corpus[0])


def test_a_current_corpus_is_left_alone_and_another_seed_or_size_is_not_current(corpus):
    root, truth = corpus
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.name != ".lock"}
    assert generate(root, tracks=TRACKS) == truth == read_truth(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.name != ".lock"} == before
    assert is_current(root, tracks=TRACKS)
    assert not is_current(root, seed=1, tracks=TRACKS)
    assert not is_current(root, tracks=TRACKS + 1)


def test_too_few_tracks_for_all_corruptions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="20 tracks cannot hold all corruptions; ask for"):
        generate(tmp_path, tracks=20)


def test_tables_have_music4alls_headers_and_every_song_once(corpus):
    root, truth = corpus
    headers = {path.name: table(root, path.name)[0] for path in (root / "music4all").glob("*.csv")}
    features = ["popularity", "release", "danceability", "energy", "key", "mode", "valence", "tempo"]
    assert headers == {
        "id_information.csv": ["id", "artist", "song", "album_name"],
        "id_genres.csv": ["id", "genres"],
        "id_tags.csv": ["id", "tags"],
        "id_lang.csv": ["id", "lang"],
        "id_metadata.csv": ["id", "spotify_id", *features, "duration_ms"],
        "listening_history.csv": ["user", "song", "timestamp"],
    }
    rows = table(root, "id_information.csv")[1:]
    assert len(rows) == TRACKS + len(truth.rows)
    written = {row[0]: row[1:3] for row in reversed(rows) if len(row) == 4}
    assert {track.track_id: [track.artist, track.title] for track in truth.tracks}.items() <= written.items()
    assert {
        track.track_id: ",".join(track.genres + track.genres_outside)
        for track in truth.tracks
        if track.genres or track.genres_outside
    } == dict(table(root, "id_genres.csv")[1:])
    assert {track.track_id: track.language_label for track in truth.tracks if track.language_label} == dict(
        table(root, "id_lang.csv")[1:]
    )


def test_malformed_rows_are_there_as_the_truth_lists_them(corpus):
    root, truth = corpus
    lines = ["\t".join(row) for row in table(root, "id_information.csv")]
    assert all(row.text in lines for row in truth.rows)
    by_reason = {row.reason: row for row in truth.rows}
    assert by_reason["refused_id"].track_id == "../../x"
    assert by_reason["too_many_columns"].text.count("\t") == 4
    assert by_reason["too_few_columns"].text.count("\t") == 1
    repeated = [line for line in lines if line.startswith(by_reason["duplicate_id"].track_id)]
    assert len(repeated) == 2
    assert repeated[1] == by_reason["duplicate_id"].text


def test_every_kind_of_corruption_is_on_some_track(corpus):
    assert all(corpus[1].with_case(case) for case in planted("corruptions")["cases"])
    with pytest.raises(KeyError, match="is not a case"):
        corpus[1].with_case("no_such_corruption")


def test_audio_is_as_broken_as_the_truth_says(corpus):
    root, truth = corpus
    for track in truth.tracks:
        path = root / "music4all" / "audios" / f"{track.track_id}.mp3"
        assert path.exists() == (track.audio_status != "missing")
        if track.audio_status == "unreadable":
            with pytest.raises(soundfile.LibsndfileError):
                soundfile.read(path)
        elif track.audio_status != "missing":
            samples, rate_hz = soundfile.read(path)
            truncated = "audio_truncated" in track.cases
            assert (np.abs(samples).max() < 1e-4) == (track.audio_status == "silent")
            assert (len(samples) / rate_hz < 1) == (track.audio_status == "short")
            assert (len(samples) / rate_hz < 10.24) == (track.audio_status == "short" or truncated)
    originals = [
        (root / "music4all" / "audios" / f"{track.copy_of}.mp3").read_bytes()
        for track in truth.with_case("duplicate_audio")
    ]
    copies = [
        (root / "music4all" / "audios" / f"{track.track_id}.mp3").read_bytes()
        for track in truth.with_case("duplicate_audio")
    ]
    assert copies == originals


def test_lyrics_files_are_as_odd_as_the_truth_says(corpus):
    root, truth = corpus
    for track in truth.tracks:
        path = root / "music4all" / "lyrics" / f"{track.track_id}.txt"
        assert path.exists() == (track.lyrics_status != "missing")
        if path.exists():
            assert (not path.read_bytes().strip()) == (track.lyrics_status == "empty")
    latin = root / "music4all" / "lyrics" / f"{truth.with_case('lyrics_latin1')[0].track_id}.txt"
    with pytest.raises(UnicodeDecodeError):
        latin.read_text(encoding="utf-8")
    assert "déjà vu" in latin.read_text(encoding="latin-1")
    marked = (root / "music4all" / "lyrics" / f"{truth.with_case('lyrics_bom_crlf')[0].track_id}.txt").read_bytes()
    assert marked.startswith(b"\xef\xbb\xbf")
    assert marked.count(b"\r\n") == marked.count(b"\n") > 10


def test_names_and_labels_that_trip_readers_are_written_as_they_are(corpus):
    root, truth = corpus
    assert truth.with_case("artist_none")[0].artist == "None"
    assert truth.with_case("title_na")[0].title == "NA"
    assert truth.with_case("title_with_quotes")[0].title.count('"') == 3
    assert truth.with_case("genre_injection")[0].genres_outside == ("'; DROP TABLE tracks; --",)
    tags = dict(table(root, "id_tags.csv")[1:])[truth.with_case("tags_with_html")[0].track_id]
    assert "<3" in html.unescape(tags)
    assert "<3" not in tags
    song = truth.with_case("duplicate_song")[0]
    assert [track.track_id for track in truth.tracks if (track.artist, track.title) == (song.artist, song.title)].count(
        song.copy_of
    ) == 1


@pytest.mark.parametrize("tracks", [150, 180, 1000])
@pytest.mark.parametrize("seed", range(5))
def test_labels_outside_the_scope_are_rarer_than_every_planted_genre(seed, tracks):
    songs = [song for song in corrupt_songs(plan_songs(seed, tracks), seed) if song.language_label == "en"]
    inside = [sum(genre in song.genres for song in songs) for genre in planted_genres()]
    outside = Counter(label for song in songs for label in song.genres_outside)
    assert min(inside) > max(outside.values())


def test_exclusions_follow_whoever_decides_on_the_language(corpus):
    reasons = {
        case: {(track.excluded_by_label, track.excluded_by_langdetect) for track in corpus[1].with_case(case)}
        for case in planted("corruptions")["cases"]
    }
    assert reasons["spanish"] == {("language:es", "language:es")}
    assert reasons["spanish_labelled_english"] == {("", "language:es")}
    assert reasons["english_labelled_spanish"] == {("language:es", "")}
    assert reasons["instrumental_empty_lyrics"] == {("instrumental", "instrumental")}
    assert reasons["lyrics_missing"] == {("lyrics_missing", "language:unknown")}
    assert reasons["audio_silent"] == {("audio_silent", "audio_silent")}
    assert reasons["audio_truncated"] == reasons["no_language_row"] == reasons["no_genres_row"] == {("", "")}
