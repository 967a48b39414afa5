"""Lyrics files into core.lyrics, on all cores."""

from collections.abc import Iterable

import polars as pl

from pipelines.currency import content_hash, note_inputs, part_hash, raw_is_current
from pipelines.datasets import music4all
from pipelines.datasets.folder import Entry, files_by_track, fingerprint
from pipelines.datasets.lyrics_files import SUFFIXES, LyricsRow, LyricsTask, read_lyrics
from pipelines.datasets.rejects import Reject, rejects_frame
from pipelines.parallel import Log, map_tasks
from pipelines.stages.common import read_frame, write_parts
from warehouse.store import Store

VERSION = 1
STAGE = "music4all-lyrics"
OUTPUTS = {"core.lyrics": music4all.DATASET, "core.rejects": STAGE}
FILES_PER_TASK = 2000
SCHEMA = {
    "track_id": pl.String,
    "lyrics_status": pl.String,
    "encoding": pl.String,
    "lyrics_sha256": pl.String,
    "words_before": pl.Int32,
    "words_after": pl.Int32,
    "lines_before": pl.Int32,
    "lines_after": pl.Int32,
    "lyrics": pl.String,
}


def build_lyrics(store: Store, layout: music4all.Layout, log: Log) -> bool:
    """Read the lyrics if a file or core.tracks changed; returns whether anything was done."""
    files, others = files_by_track(layout.lyrics, SUFFIXES)
    tracks = part_hash(store, "core.tracks", music4all.DATASET)
    seen = content_hash(VERSION, tracks, fingerprint(files), others)
    if raw_is_current(store, STAGE, seen, OUTPUTS):
        return False
    ids = read_frame(store, "core.tracks", music4all.DATASET)["track_id"].to_list()
    rows, rejects = _read(layout, ids, files, log)
    rejects += strangers(music4all.LYRICS_FOLDER, files, others, ids)
    frame = pl.DataFrame(sorted(rows), schema=SCHEMA, orient="row")
    frames = {
        "core.lyrics": frame.with_columns(pl.lit(music4all.DATASET).alias("dataset")),
        "core.rejects": rejects_frame(music4all.DATASET, "lyrics", rejects),
    }
    inputs = content_hash(VERSION, tracks, [row[:4] for row in sorted(rows)], sorted(map(str, rejects)))
    write_parts(store, OUTPUTS, frames, inputs)
    note_inputs(store, STAGE, seen, inputs)
    return True


def _read(
    layout: music4all.Layout, ids: Iterable[str], files: dict[str, Entry], log: Log
) -> tuple[list[LyricsRow], list[Reject]]:
    named = [(track_id, files[track_id].name if track_id in files else None) for track_id in ids]
    tasks = [
        LyricsTask(layout.lyrics, music4all.LYRICS_FOLDER, chunk)
        for chunk in (named[start : start + FILES_PER_TASK] for start in range(0, len(named), FILES_PER_TASK))
    ]
    rows: list[LyricsRow] = []
    rejects: list[Reject] = []
    for _, (some_rows, some_rejects) in map_tasks(
        read_lyrics, tasks, label="Reading lyrics", size=lambda task: len(task.files), log=log
    ):
        rows += some_rows
        rejects += some_rejects
    return rows, rejects


def strangers(folder: str, files: dict[str, Entry], others: Iterable[str], ids: Iterable[str]) -> list[Reject]:
    """Record the files of a folder that belong to no track; hidden files are none of the dataset's."""
    known = set(ids)
    without_track = [
        Reject("not_in_id_information", stem, f"{folder}/{entry.name}", None, "no track has this id")
        for stem, entry in files.items()
        if stem not in known
    ]
    unexpected = [
        Reject("unexpected_file", None, f"{folder}/{name}", None, "another ending, or a second file of a track")
        for name in others
        if not name.startswith(".")
    ]
    return without_track + unexpected
