"""The planted Free Music Archive: its three header rows, its clips, its split, and a user's lyrics for some tracks."""

import ast
import csv
from collections import Counter
from hashlib import sha256

import numpy as np
import pytest
import soundfile

from pipelines.sample.corruptions import corrupt_songs
from pipelines.sample.fma_tracks import plan_fma
from pipelines.sample.planting import planted
from pipelines.sample.songs import plan_songs


@pytest.fixture(scope="module")
def corpus(sample_corpus):
    return sample_corpus


def plan(seed: int, tracks: int):
    return plan_fma(corrupt_songs(plan_songs(seed, tracks), seed), seed)


def tracks_table(root) -> dict[str, dict[tuple[str, str], str]]:
    with (root / "fma" / "fma_metadata" / "tracks.csv").open(encoding="utf-8", newline="") as file:
        groups, names, third, *rows = csv.reader(file, strict=True)
    assert third == ["track_id"] + [""] * 52
    columns = list(zip(groups, names, strict=True))[1:]
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}


def clip(root, track_id: str):
    name = f"{int(track_id):06d}"
    return root / "fma" / "fma_medium" / name[:3] / f"{name}.mp3"


def test_tracks_csv_has_the_downloads_columns_and_the_planted_rows(corpus):
    root, truth = corpus
    table = tracks_table(root)
    assert list(table) == [track.track_id for track in truth.fma] == [one.track_id for one in truth.clips]
    assert list(table) == sorted(table, key=int)
    for track, planted_clip in zip(truth.fma, truth.clips, strict=True):
        row = table[track.track_id]
        assert (row["artist", "name"], row["track", "title"]) == (track.artist, track.title)
        assert (row["set", "split"], row["set", "subset"]) == (planted_clip.split, planted_clip.subset)
        assert row["track", "genre_top"] == planted_clip.genre_top
    assert any("\n" in row["album", "information"] for row in table.values())


def test_genres_csv_names_every_genre_and_its_root(corpus):
    root, truth = corpus
    with (root / "fma" / "fma_metadata" / "genres.csv").open(encoding="utf-8", newline="") as file:
        genres = {int(row["genre_id"]): row for row in csv.DictReader(file)}
    assert sum(row["parent"] == "0" for row in genres.values()) == 16
    table = tracks_table(root)
    for track, planted_clip in zip(truth.fma, truth.clips, strict=True):
        numbers = ast.literal_eval(table[track.track_id]["track", "genres"])
        assert tuple(genres[number]["title"] for number in numbers) == track.genres
        roots = {genres[int(genres[number]["top_level"])]["title"] for number in numbers}
        assert roots == {planted_clip.genre_top} or (not planted_clip.genre_top and len(roots) == 2)
        assert set(numbers) <= set(ast.literal_eval(table[track.track_id]["track", "genres_all"]))
    assert 5 <= len({one.genre_top for one in truth.clips if one.genre_top}) <= 6


@pytest.mark.parametrize(("seed", "tracks"), [(0, 48), (1, 48), (2, 180), (3, 400)])
def test_split_is_artist_disjoint_and_every_genre_is_on_every_side(seed, tracks):
    planned = plan(seed, tracks)
    assert len({track.song.track_id for track in planned}) == len(planned)
    sides = Counter((track.song.artist, track.split) for track in planned)
    assert len({artist for artist, _ in sides}) == len(sides)
    held = Counter((track.genre_top, track.split) for track in planned if track.subset != "large")
    assert len(held) == 3 * len(planted("fma")["top"])
    assert {case for track in planned for case in track.song.cases} >= set(planted("fma")["cases"])
    assert planned == plan(seed, tracks)


def test_clips_are_as_broken_as_the_truth_says(corpus):
    root, truth = corpus
    for track, planted_clip in zip(truth.fma, truth.clips, strict=True):
        path = clip(root, track.track_id)
        assert path.exists() == (track.audio_status != "missing")
        if track.audio_status == "unreadable":
            with pytest.raises(soundfile.LibsndfileError):
                soundfile.read(path)
        elif path.exists():
            samples, rate_hz = soundfile.read(path)
            assert (np.abs(samples).max() < 1e-4) == (track.audio_status == "silent")
            cut = track.audio_status == "short" or {"clip_truncated", "known_wrong_length"} & set(track.cases)
            assert (len(samples) / rate_hz < planted("fma")["duration_s"] - 0.1) == bool(cut)
        assert (planted_clip.subset == "large") == (track.excluded_by_label == "subset")
    assert {one.track_id: one.known_issue for one in truth.clips if one.known_issue} == {
        "133297": "no_audio",
        "98565": "short",
        "1486": "wrong_length",
    }
    assert clip(root, "2").is_file()
    copy = next(track for track in truth.fma if track.copy_of)
    assert (
        sha256(clip(root, copy.track_id).read_bytes()).digest()
        == sha256(clip(root, copy.copy_of).read_bytes()).digest()
    )


def test_lyrics_cover_some_tracks_and_some_files_are_of_none(corpus):
    root, truth = corpus
    files = {path.name: path for path in (root / "fma_lyrics").iterdir()}
    for track in truth.fma:
        assert (f"{track.track_id}.txt" in files) == (track.lyrics_status != "missing")
        assert bool(track.word_tells) <= (track.lyrics_status != "missing")
    assert set(files) - {f"{track.track_id}.txt" for track in truth.fma} == set(planted("fma")["foreign_lyrics"])
    covered = sum(track.lyrics_status == "ok" for track in truth.fma) / len(truth.fma)
    assert 0.4 < covered < 0.9
    instrumental = [one.track_id for one in truth.clips if one.genre_top == "Instrumental"]
    assert not {f"{track_id}.txt" for track_id in instrumental} & set(files)


def test_genres_are_told_by_sound_and_by_words_as_planned():
    planned = plan(0, 180)
    for top, entry in planted("fma")["top"].items():
        told_by = planted("genres")[entry["planted"]]["told_by"]
        clean = [track.song for track in planned if track.genre_top == top and not track.song.cases]
        sounding = sum(entry["planted"] in song.sound_tells for song in clean) / len(clean)
        sung = [song for song in clean if song.lyrics_file == "utf-8"]
        assert (sounding > 0.6) == (told_by in ("sound", "both"))
        if sung:
            worded = sum(entry["planted"] in song.word_tells for song in sung) / len(sung)
            assert (worded > 0.5) == (told_by in ("words", "both"))
