"""Writes planned songs in the layout of Genius' song_lyrics.csv: commas, quoted lyrics over many lines."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.sample.catalogues import NOT_A_SONG
from pipelines.sample.corruptions import PlantedRow
from pipelines.sample.lyrics import sectioned_lyrics
from pipelines.sample.planting import planted
from pipelines.sample.songs import Song

FILE = "song_lyrics.csv"
COLUMNS = (
    "title", "tag", "artist", "year", "views", "features", "lyrics", "id", "language_cld3", "language_ft", "language",
)  # fmt: skip
GUESTS = re.compile(r"\(feat\. ([^)]+)\)")
DISAGREEING = "nl"  # what the second detector says where the dataset has no language
ONLY_HEADERS = "[Instrumental]"


def write_genius(folder: Path, songs: Sequence[Song], damage: Sequence[PlantedRow]) -> None:
    """Write `song_lyrics.csv` into `folder`, which must not exist yet, with the damaged rows in its middle."""
    folder.mkdir(parents=True)
    rows = [_csv_row(_fields(song)) for song in songs]
    middle = len(rows) // 2
    rows[middle:middle] = [f"{row.text}\n" for row in damage]
    (folder / FILE).write_text(_csv_row(COLUMNS) + "".join(rows), encoding="utf-8", newline="\n")


def damaged_rows() -> list[PlantedRow]:
    """Rows of catalogues.toml that a reader must refuse."""
    rows = []
    for number, entry in enumerate(planted("catalogues")["damage"], start=9_000_001):
        whole = [entry.get("title", ""), "pop", "Nobody", "2001", "5", "{}", entry.get("lyrics", ""), str(number)]
        fields = entry.get("fields") or [*whole, "en", "en", "en"]
        # No id where a reader cannot tell it.
        rows.append(PlantedRow(entry["case"], entry["reason"], "", _csv_row(fields).removesuffix("\n")))
    return rows


def tag_of(song: Song) -> str:
    """Genius' one tag for a song, by its first genre."""
    return str(planted("catalogues")["tags"][song.genres[0]]) if song.genres else "misc"


def _fields(song: Song) -> list[str]:
    guests = ",".join(f'"{name}"' for name in GUESTS.findall(song.title))
    views = 10 + song.lyrics_seed % 500_000
    label = song.language_label
    detectors = (label, label) if label or not song.language else (song.language, DISAGREEING)
    return [
        song.title, tag_of(song), song.artist, str(song.release_year), str(views), f"{{{guests}}}",
        _lyrics(song), song.track_id, *detectors, label,
    ]  # fmt: skip


def _lyrics(song: Song) -> str:
    if NOT_A_SONG in song.cases:
        rng = np.random.default_rng(song.lyrics_seed)
        return "\n".join(rng.permutation(planted("catalogues")["prose"]["text"]))
    match song.lyrics_file:
        case "missing":
            return ""
        case "empty":
            return ONLY_HEADERS
    return sectioned_lyrics(song)


def _csv_row(fields: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()
