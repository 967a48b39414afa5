"""Writes planned tracks in the layout of the Free Music Archive, and a user's folder of lyrics for some of them."""

import csv
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha1
from pathlib import Path

from pipelines.sample.files import audio_bytes, lyrics_bytes
from pipelines.sample.fma_tracks import FmaTrack
from pipelines.sample.planting import planted

METADATA, CLIPS = "fma_metadata", "fma_medium"
CREATED = "2009-03-14 09:26:53"
INFORMATION = '<p>Recorded at home.\nThanks to "everyone", as ever.</p>'  # line end, quotes and commas, as in real rows


def write_fma(folder: Path, tracks: Sequence[FmaTrack], threads: int) -> None:
    """Write `fma_metadata/tracks.csv`, `fma_metadata/genres.csv` and `fma_medium/000/000002.mp3` and so on.

    Args:
        folder: The dataset's root, which must not exist yet.
        tracks: Every track, in order of its id.
        threads: Clips made at once.
    """
    for name in (METADATA, CLIPS):
        (folder / name).mkdir(parents=True)
    _write(folder / METADATA / "tracks.csv", _track_rows(tracks))
    _write(folder / METADATA / "genres.csv", _genre_rows(tracks))
    with ThreadPoolExecutor(threads) as pool:
        sums = [line for line in pool.map(partial(_write_clip, folder / CLIPS), tracks) if line]
    (folder / CLIPS / "checksums").write_text("".join(sums), encoding="utf-8")


def write_fma_lyrics(folder: Path, tracks: Sequence[FmaTrack]) -> None:
    """Write `<track_id>.txt` for the tracks that have lyrics, and files that are of no track."""
    folder.mkdir(parents=True)
    for track in tracks:
        content = lyrics_bytes(track.song)
        if content is not None:
            (folder / f"{track.song.track_id}.txt").write_bytes(content)
    for name, text in planted("fma")["foreign_lyrics"].items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _track_rows(tracks: Sequence[FmaTrack]) -> list[list[str]]:
    """Three header rows, then a row per track."""
    columns = planted("fma")["columns"]
    groups, names = zip(*(column.split(".") for column in columns), strict=True)
    numbers: dict[str, int] = {}
    for track in tracks:
        numbers.setdefault(track.song.artist, len(numbers) + 1)
    rows = [["", *groups], ["", *names], ["track_id", *[""] * len(columns)]]
    for track in tracks:
        values = _values(track, numbers[track.song.artist])
        rows.append([track.song.track_id, *(values.get(column, "") for column in columns)])
    return rows


def _values(track: FmaTrack, artist_id: int) -> dict[str, str]:
    song = track.song
    numbers = _genre_ids(track)
    above = [number for number in _roots(track) if number not in numbers]
    return {
        "album.comments": "0",
        "album.date_created": CREATED,
        "album.date_released": f"{song.release_year}-01-01 00:00:00" if song.audio_seed % 4 else "",
        "album.id": str(100 + artist_id),
        "album.information": INFORMATION,
        "album.listens": str(song.lyrics_seed % 9000),
        "album.tags": "[]",
        "album.title": song.album,
        "album.type": "Album",
        "artist.comments": "0",
        "artist.date_created": CREATED,
        "artist.id": str(artist_id),
        "artist.name": song.artist,
        "artist.tags": "[]",
        "set.split": track.split,
        "set.subset": track.subset,
        "track.bit_rate": "256000",
        "track.date_created": CREATED,
        "track.duration": str(90 + song.audio_seed % 200),  # of the whole track, of which the clip is a part
        "track.genre_top": track.genre_top,
        "track.genres": str(numbers),
        "track.genres_all": str([*numbers, *above]),
        "track.language_code": song.language_label,
        "track.license": "Attribution",
        "track.listens": str(song.audio_seed % 5000),
        "track.tags": "['home', \"don't\"]" if song.audio_seed % 5 == 0 else "[]",
        "track.title": song.title,
    }


def _genre_ids(track: FmaTrack) -> list[int]:
    return [planted("fma")["genres"][name]["id"] for name in track.song.genres]


def _roots(track: FmaTrack) -> list[int]:
    genres = planted("fma")["genres"]
    return [genres[genres[name].get("parent", name)]["id"] for name in track.song.genres]


def _genre_rows(tracks: Sequence[FmaTrack]) -> list[list[str]]:
    genres = planted("fma")["genres"]
    rows = [["genre_id", "#tracks", "parent", "title", "top_level"]]
    for name, genre in genres.items():
        having = sum(genre["id"] in {*_genre_ids(track), *_roots(track)} for track in tracks)
        parent = genres[genre["parent"]]["id"] if "parent" in genre else 0
        rows.append([str(genre["id"]), str(having), str(parent), name, str(parent or genre["id"])])
    return rows


def _write_clip(folder: Path, track: FmaTrack) -> str:
    """Write one clip; gives its line of `checksums`."""
    content = audio_bytes(track.song, planted("fma")["duration_s"])
    if content is None:
        return ""
    name = f"{int(track.song.track_id):06d}"
    path = folder / name[:3] / f"{name}.mp3"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return f"{sha1(content, usedforsecurity=False).hexdigest()}  {path.relative_to(folder).as_posix()}\n"


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")
