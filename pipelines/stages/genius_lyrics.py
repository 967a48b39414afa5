"""Lyrics of the Genius songs that a corpus asks for into core.lyrics, cleaned on all cores.

Cleaning all five million would take hours and hold 9 GB; a corpus matched with audio needs a hundred thousand.
"""

import hashlib
from collections.abc import Iterable, Sequence

import polars as pl

from pipelines.currency import content_hash, is_current, part_hash
from pipelines.datasets import genius
from pipelines.datasets.lyrics_files import LyricsRow, cleaned_row
from pipelines.parallel import Log, map_tasks
from pipelines.stages.common import write_parts
from pipelines.stages.lyrics import lyrics_frame
from pipelines.transforms.lyrics import without_section_headers
from warehouse.store import Store

VERSION = 1
OUTPUTS = {"core.lyrics": genius.DATASET}
TEXTS_PER_TASK = 2000

Text = tuple[str, str | None]


def build_genius_lyrics(store: Store, layout: genius.Layout, ids: Iterable[str], log: Log) -> bool:
    """Write the lyrics of songs `ids` (track_id of core.tracks), if they or the CSV changed.

    Section headers such as [Chorus] go first, then repetitions, as for every dataset.

    Returns:
        Whether anything was done.
    """
    wanted = sorted(set(ids))
    inputs = content_hash(VERSION, part_hash(store, "core.raw_files", genius.DATASET), wanted)
    if is_current(store, OUTPUTS, inputs):
        return False
    texts = genius.lyrics_of(layout, pl.Series("id", wanted, pl.String))
    rows = _clean([(str(song), text) for song, text in texts.iter_rows()], log)
    return write_parts(store, OUTPUTS, {"core.lyrics": lyrics_frame(genius.DATASET, rows)}, inputs)


def clean_lyrics(texts: Sequence[Text]) -> list[LyricsRow]:
    """Clean a chunk of (track_id, lyrics as in the CSV)."""
    return [_row(track_id, text or "") for track_id, text in texts]


def _row(track_id: str, text: str) -> LyricsRow:
    if not text:
        return LyricsRow(track_id, "missing")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    sung = without_section_headers(text)
    if not sung.strip():
        return LyricsRow(track_id, "empty", "utf-8", sha256)
    return cleaned_row(track_id, sung, "utf-8", sha256)


def _clean(texts: Sequence[Text], log: Log) -> list[LyricsRow]:
    tasks = [texts[start : start + TEXTS_PER_TASK] for start in range(0, len(texts), TEXTS_PER_TASK)]
    results = map_tasks(clean_lyrics, tasks, label="Cleaning lyrics", size=len, log=log)
    return [row for _, rows in results for row in rows]
