"""A user's lyrics of FMA tracks into core.lyrics. The dataset has none itself, so most tracks have none here either."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines.datasets import fma
from pipelines.datasets.common import rejects_frame
from pipelines.datasets.files import files_by_track, fingerprint
from pipelines.datasets.lyrics_files import SUFFIXES, LyricsRow
from pipelines.incremental import Step, note_inputs, part_hash, raw_is_current
from pipelines.lyrics.music4all import lyrics_frame, read_files, unmatched_files
from pipelines.parallel import Log
from pipelines.tables import read_frame, write_parts
from warehouse.store import Store

VERSION = 3
STEP = Step("lyrics of FMA", VERSION)
STAGE = "fma-lyrics"
OUTPUTS = {"core.lyrics": fma.DATASET, "core.rejects": STAGE}
FOLDER = "lyrics"  # what the user's folder is called in core.rejects
FOREIGN = "not_in_tracks_csv"


def build_fma_lyrics(store: Store, folder: Path, log: Log) -> bool:
    """Read the lyrics if a file or core.tracks changed; returns whether anything was done.

    Every track has a row; a missing file is no reject, since the dataset promises none (see `coverage`).
    """
    files, others = files_by_track(folder, SUFFIXES)
    tracks = part_hash(store, "core.tracks", fma.DATASET)
    seen = STEP.inputs(tracks, fingerprint(files), others)
    if raw_is_current(store, STAGE, seen, OUTPUTS):
        return False
    ids = read_frame(store, "core.tracks", fma.DATASET)["track_id"].to_list()
    named = {fma.as_track_id(stem): entry for stem, entry in files.items()}
    there = [(track_id, named[track_id].name) for track_id in ids if track_id in named]
    rows, rejects = read_files(folder, FOLDER, there, log)
    rows += [LyricsRow(track_id, "missing") for track_id in ids if track_id not in named]
    rejects += unmatched_files(FOLDER, named, others, ids, FOREIGN)
    frames = {
        "core.lyrics": lyrics_frame(fma.DATASET, rows),
        "core.rejects": rejects_frame(fma.DATASET, "lyrics", rejects),
    }
    inputs = STEP.inputs(tracks, [row[:4] for row in sorted(rows)], sorted(map(str, rejects)))
    write_parts(store, OUTPUTS, frames, inputs)
    note_inputs(store, STAGE, seen, inputs)
    return True


def coverage(store: Store) -> Mapping[str, tuple[int, int]]:
    """Tracks with usable lyrics and all tracks, in each subset (medium holds small, large both) and split of medium."""
    lyrics = read_frame(store, "core.lyrics", fma.DATASET).select("track_id", "lyrics_status")
    tracks = read_frame(store, "core.fma_tracks").join(lyrics, on="track_id", how="left")
    tracks = tracks.with_columns((pl.col("lyrics_status") == "ok").fill_null(value=False).alias("usable"))
    groups = {
        subset: tracks.filter(pl.col("subset").is_in(fma.SUBSETS[: place + 1]))
        for place, subset in enumerate(fma.SUBSETS)
    }
    groups |= {f"medium {split}": groups["medium"].filter(pl.col("split") == split) for split in fma.SPLITS}
    return {name: (int(group["usable"].sum()), group.height) for name, group in groups.items()}
