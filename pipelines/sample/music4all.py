"""Writes planned songs in Music4All's layout on disk (tab-separated tables sorted by id, no quoting)."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from pipelines.sample.corruptions import PlantedRow
from pipelines.sample.files import audio_bytes, lyrics_bytes
from pipelines.sample.planting import planted
from pipelines.sample.songs import Song

FEATURES = ("popularity", "release", "danceability", "energy", "key", "mode", "valence", "tempo")
LISTENERS = 12
PLAYS_PER_SONG = 2
README = """A sample corpus in Music4All's layout. Every song, name, word and sound in it is generated; none is real.
What was planted where is in the folder `truth` beside this one.
"""


def write_music4all(folder: Path, songs: Sequence[Song], rows: Iterable[PlantedRow], threads: int) -> None:
    """Write the dataset into `folder`, which must not exist yet.

    Args:
        folder: The dataset's root.
        songs: Every song, with its corruption.
        rows: Malformed rows of id_information.csv, put in order of their ids.
        threads: Songs made at once; coding MP3, most of the work, leaves Python's lock to the others.
    """
    for name in ("audios", "lyrics"):
        (folder / name).mkdir(parents=True)
    (folder / "readme.txt").write_text(README, encoding="utf-8")
    _write_tables(folder, sorted(songs, key=lambda song: song.track_id), rows)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(partial(_write_files, folder), songs))


def _write_tables(folder: Path, songs: Sequence[Song], rows: Iterable[PlantedRow]) -> None:
    information = [(song.track_id, _row(song.track_id, song.artist, song.title, song.album)) for song in songs]
    information += [(row.track_id, row.text) for row in rows]
    ordered = [text for _, text in sorted(information, key=lambda entry: entry[0])]
    _write_table(folder / "id_information.csv", _row("id", "artist", "song", "album_name"), ordered)
    genres = [_row(song.track_id, ",".join(labels)) for song in songs if (labels := _labels(song))]
    _write_table(folder / "id_genres.csv", _row("id", "genres"), genres)
    tags = [_row(song.track_id, ",".join(labels)) for song in songs if (labels := (*_labels(song), *song.tags))]
    _write_table(folder / "id_tags.csv", _row("id", "tags"), tags)
    languages = [_row(song.track_id, song.language_label) for song in songs if song.language_label]
    _write_table(folder / "id_lang.csv", _row("id", "lang"), languages)
    header = _row("id", "spotify_id", *FEATURES, "duration_ms")
    _write_table(folder / "id_metadata.csv", header, [_metadata(song) for song in songs])
    _write_table(folder / "listening_history.csv", _row("user", "song", "timestamp"), _plays(songs))


def _labels(song: Song) -> tuple[str, ...]:
    return song.genres + song.genres_outside


def _metadata(song: Song) -> str:
    if not song.features:
        return _row(song.track_id, *[""] * (len(FEATURES) + 2))
    values = {name: str(value) for name, value in song.features}
    values["release"] = str(song.release_year)
    duration_ms = round(planted("planting")["audio"]["duration_s"] * 1000)
    return _row(song.track_id, f"sp{song.track_id}", *(values[name] for name in FEATURES), str(duration_ms))


def _plays(songs: Sequence[Song]) -> list[str]:
    """Draw the listening history from the ids, so that equal corpora have equal histories."""
    rng = np.random.default_rng(len(songs))
    minutes = np.sort(rng.integers(0, 60 * 24 * 28, PLAYS_PER_SONG * len(songs)))
    start = np.datetime64("2019-01-01T00:00")
    return [
        _row(
            f"user_{rng.integers(LISTENERS):05d}",
            songs[int(rng.integers(len(songs)))].track_id,
            str(start + np.timedelta64(int(minute), "m")).replace("T", " "),
        )
        for minute in minutes
    ]


def _write_files(folder: Path, song: Song) -> None:
    for path, content in (
        (folder / "audios" / f"{song.track_id}.mp3", audio_bytes(song)),
        (folder / "lyrics" / f"{song.track_id}.txt", lyrics_bytes(song)),
    ):
        if content is not None:
            path.write_bytes(content)


def _row(*fields: str) -> str:
    return "\t".join(fields)


def _write_table(path: Path, header: str, rows: Iterable[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in (header, *rows)), encoding="utf-8", newline="\n")
