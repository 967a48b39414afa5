"""Writes planned songs in the layout of the Million Song Dataset: SQLite, text, and audio in its three-letter tree."""

import hashlib
import sqlite3
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from pipelines.sample.catalogues import MISMATCHED
from pipelines.sample.files import audio_bytes
from pipelines.sample.songs import Song

COLUMNS = (
    "track_id text PRIMARY KEY, title text, song_id text, release text, artist_id text, artist_mbid text, "
    "artist_name text, duration real, artist_familiarity real, artist_hotttnesss real, year int, "
    "track_7digitalid int, shs_perf int, shs_work int"
)
UNKNOWN = -1
# One song in so many lacks a value; each shows in the smallest corpus.
NO_YEAR, NO_7DIGITAL, NO_MBID, NO_HOTTTNESSS, IN_SHS = 3, 7, 5, 11, 6


def write_msd(folder: Path, songs: Sequence[Song], threads: int) -> None:
    """Write `track_metadata.db`, `unique_tracks.txt`, `sid_mismatches.txt` and `audio/` into `folder`.

    Args:
        folder: The dataset's root, which must not exist yet.
        songs: Every song, in order of track_id.
        threads: Songs made at once.
    """
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "track_metadata.db")) as connection, connection:
        connection.execute(f"CREATE TABLE songs ({COLUMNS})")
        rows = [_row(place, song) for place, song in enumerate(songs)]
        connection.executemany(f"INSERT INTO songs VALUES ({', '.join('?' * len(rows[0]))})", rows)
    lines = [f"{song.track_id}<SEP>{song_id(song)}<SEP>{song.artist}<SEP>{song.title}\n" for song in songs]
    (folder / "unique_tracks.txt").write_text("".join(lines), encoding="utf-8", newline="\n")
    (folder / "sid_mismatches.txt").write_text(_mismatches(songs), encoding="utf-8", newline="\n")
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(partial(_write_audio, folder), songs))


def song_id(song: Song) -> str:
    """The song's id: two tracks of one artist and title share it."""
    return _identifier("SO", song.artist, song.title)


def _row(place: int, song: Song) -> tuple[object, ...]:
    rng = np.random.default_rng(song.audio_seed)
    seven_digital, work, performance = rng.integers(1, 9_000_000, 3).tolist()
    duration_s, familiarity, hotttnesss = np.round(rng.uniform((90, 0, 0), (400, 1, 1)), 5).tolist()
    in_shs = place % IN_SHS == 0
    return (
        song.track_id,
        song.title,
        song_id(song),
        song.album,
        _identifier("AR", song.artist),
        "" if place % NO_MBID == 0 else str(uuid.UUID(bytes=_digest("mbid", song.artist)[:16])),
        song.artist,
        duration_s,
        familiarity,
        None if place % NO_HOTTTNESSS == 0 else hotttnesss,
        0 if place % NO_YEAR == 0 else song.release_year,
        UNKNOWN if place % NO_7DIGITAL == 0 else seven_digital,
        performance if in_shs else UNKNOWN,
        work if in_shs else 0,
    )


def _mismatches(songs: Sequence[Song]) -> str:
    return "".join(
        f"ERROR: <{song_id(song)} {song.track_id}> {song.artist}  -  {song.title}  !=  Somebody Else  -  Another Song\n"
        for song in songs
        if MISMATCHED in song.cases
    )


def _write_audio(folder: Path, song: Song) -> None:
    content = audio_bytes(song)
    if content is not None:
        path = folder.joinpath("audio", *song.track_id[2:5], f"{song.track_id}.mp3")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _identifier(prefix: str, *names: str) -> str:
    """An Echo Nest id: prefix, five letters, eleven digits of base 16."""
    digest = _digest(prefix, *names)
    return prefix + "".join(chr(ord("A") + byte % 26) for byte in digest[:5]) + digest.hex()[10:21].upper()


def _digest(*texts: str) -> bytes:
    return hashlib.sha256("\0".join(texts).encode()).digest()
