"""Lyrics files into core.lyrics, on all cores."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from pipelines.datasets import music4all
from pipelines.datasets.common import Reject, rejects_frame
from pipelines.datasets.files import Entry, files_by_track, fingerprint
from pipelines.datasets.lyrics_files import SUFFIXES, LyricsRow, LyricsTask, read_lyrics
from pipelines.incremental import Step, note_inputs, part_hash, raw_is_current
from pipelines.parallel import Log, map_tasks
from pipelines.tables import read_frame, write_parts
from warehouse.store import Store

VERSION = 3
STEP = Step("lyrics of Music4All", VERSION)
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
    seen = STEP.inputs(tracks, fingerprint(files), others)
    if raw_is_current(store, STAGE, seen, OUTPUTS):
        return False
    ids = read_frame(store, "core.tracks", music4all.DATASET)["track_id"].to_list()
    named = [(track_id, files[track_id].name if track_id in files else None) for track_id in ids]
    rows, rejects = read_files(layout.lyrics, music4all.LYRICS_FOLDER, named, log)
    rejects += unmatched_files(music4all.LYRICS_FOLDER, files, others, ids)
    frames = {
        "core.lyrics": lyrics_frame(music4all.DATASET, rows),
        "core.rejects": rejects_frame(music4all.DATASET, "lyrics", rejects),
    }
    inputs = STEP.inputs(tracks, [row[:4] for row in sorted(rows)], sorted(map(str, rejects)))
    write_parts(store, OUTPUTS, frames, inputs)
    note_inputs(store, STAGE, seen, inputs)
    return True


def lyrics_frame(dataset: str, rows: Iterable[LyricsRow]) -> pl.DataFrame:
    """Rows of core.lyrics."""
    frame = pl.DataFrame(sorted(rows), schema=SCHEMA, orient="row")
    return frame.with_columns(pl.lit(dataset).alias("dataset"))


def read_files(
    folder: Path, name: str, named: Sequence[tuple[str, str | None]], log: Log
) -> tuple[list[LyricsRow], list[Reject]]:
    """Read the lyrics of (track_id, file name or None) on all cores; `name` stands for the folder in the rejects."""
    tasks = [
        LyricsTask(folder, name, named[start : start + FILES_PER_TASK])
        for start in range(0, len(named), FILES_PER_TASK)
    ]
    rows: list[LyricsRow] = []
    rejects: list[Reject] = []
    for _, (some_rows, some_rejects) in map_tasks(
        read_lyrics, tasks, label="Reading lyrics", size=lambda task: len(task.files), log=log
    ):
        rows += some_rows
        rejects += some_rejects
    return rows, rejects


def unmatched_files(
    folder: str,
    files: dict[str, Entry],
    others: Iterable[str],
    ids: Iterable[str],
    reason: str = "not_in_id_information",
) -> list[Reject]:
    """Record the files of a folder that belong to no track; hidden files are none of the dataset's."""
    known = set(ids)
    without_track = [
        Reject(reason, stem, f"{folder}/{entry.name}", None, "no track has this id")
        for stem, entry in files.items()
        if stem not in known
    ]
    unexpected = [
        Reject("unexpected_file", None, f"{folder}/{name}", None, "another ending, or a second file of a track")
        for name in others
        if not name.startswith(".")
    ]
    return without_track + unexpected
