"""Lyrics of the Genius songs that a corpus asks for into core.lyrics, cleaned on all cores.

Cleaning all five million would take hours and hold 9 GB; a corpus matched with audio needs a hundred thousand.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.datasets import genius
from pipelines.datasets.genius_rows import Place, lyrics_at
from pipelines.datasets.lyrics_files import LyricsRow, cleaned_row
from pipelines.incremental import Step, is_current, part_hash
from pipelines.lyrics.music4all import lyrics_frame
from pipelines.parallel import Log, map_tasks
from pipelines.tables import write_parts
from warehouse.store import Store

VERSION = 3
STEP = Step("lyrics of Genius", VERSION)
OUTPUTS = {"core.lyrics": genius.DATASET}
TEXTS_PER_TASK = 2000

Text = tuple[str, str | None]


class RowsTask(NamedTuple):
    """Rows of the CSV to read and clean."""

    source: Path
    places: Sequence[Place]


def build_genius_lyrics(store: Store, layout: genius.Layout, ids: Iterable[str], log: Log) -> bool:
    """Write the lyrics of songs `ids` (track_id of core.tracks), if they or the CSV changed.

    Returns:
        Whether anything was done.
    """
    wanted = sorted(set(ids))
    inputs = STEP.inputs(part_hash(store, "core.raw_files", genius.DATASET), wanted)
    if is_current(store, OUTPUTS, inputs):
        return False
    rows = _read_places(layout.source, _places(store, wanted), log)
    if rows is None:
        log("Rows of the CSV do not lie where their lengths say; it is read through for the lyrics.")
        texts = genius.lyrics_of(layout, pl.Series("id", wanted, pl.String))
        rows = _clean([(str(song), text) for song, text in texts.iter_rows()], log)
    return write_parts(store, OUTPUTS, {"core.lyrics": lyrics_frame(genius.DATASET, rows)}, inputs)


def clean_texts(texts: Iterable[Text]) -> list[LyricsRow]:
    """Clean a chunk of (track_id, lyrics as in the CSV)."""
    return [_row(track_id, text or "") for track_id, text in texts]


def read_rows(task: RowsTask) -> list[LyricsRow] | None:
    """Read and clean the lyrics of a task; None if a row is not the one it should be."""
    texts = lyrics_at(task.source, task.places, genius.COLUMNS)
    return None if texts is None else clean_texts(texts)


def _places(store: Store, wanted: Sequence[str]) -> list[Place] | None:
    """Where the rows of these songs lie, in the order of the file; None where that is not known."""
    songs = pl.scan_parquet(store.table("core.genius_songs") / "all.parquet").select(
        "track_id", "csv_offset", "csv_bytes"
    )
    rows = songs.filter(pl.col("track_id").is_in(wanted)).sort("csv_offset").collect()
    if rows["csv_offset"].has_nulls():
        return None
    return [Place(int(track_id), offset, size) for track_id, offset, size in rows.iter_rows()]


def _read_places(source: Path, places: Sequence[Place] | None, log: Log) -> list[LyricsRow] | None:
    if places is None:
        return None
    tasks = [
        RowsTask(source, places[start : start + TEXTS_PER_TASK]) for start in range(0, len(places), TEXTS_PER_TASK)
    ]
    rows: list[LyricsRow] = []
    for _, found in map_tasks(read_rows, tasks, label="Reading lyrics", size=lambda task: len(task.places), log=log):
        if found is None:
            return None
        rows += found
    return rows


def _row(track_id: str, text: str) -> LyricsRow:
    if not text:
        return LyricsRow(track_id, "missing")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return cleaned_row(track_id, text, "utf-8", sha256)


def _clean(texts: Sequence[Text], log: Log) -> list[LyricsRow]:
    tasks = [texts[start : start + TEXTS_PER_TASK] for start in range(0, len(texts), TEXTS_PER_TASK)]
    results = map_tasks(clean_texts, tasks, label="Cleaning lyrics", size=len, log=log)
    return [row for _, rows in results for row in rows]
