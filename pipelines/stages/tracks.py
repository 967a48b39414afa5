"""Music4All's tables into core.tracks, core.track_genres, core.raw_files and the rejects of reading."""

from typing import Any

import polars as pl

from pipelines.currency import content_hash, note_inputs, raw_is_current
from pipelines.datasets import folder, music4all
from pipelines.stages.common import write_parts
from warehouse.store import Store
from warehouse.tables import file_sha256

VERSION = 1
STAGE = "music4all-read"
OUTPUTS = {
    "core.raw_files": music4all.DATASET,
    "core.tracks": music4all.DATASET,
    "core.track_genres": music4all.DATASET,
    "core.rejects": STAGE,
}


def build_tracks(store: Store, layout: music4all.Layout) -> bool:
    """Read the tables if one of them changed; returns whether anything was done."""
    entries = {name: folder.entry(path) for name, path in layout.tables.items()}
    seen = content_hash(VERSION, folder.fingerprint(entries))
    if raw_is_current(store, STAGE, seen, OUTPUTS):
        return False
    checksums = {name: file_sha256(path) for name, path in layout.tables.items()}
    tables = music4all.read(layout)
    raw_files: list[dict[str, Any]] = [
        {
            "dataset": music4all.DATASET,
            "source_file": name,
            "rows": tables.raw_rows[name],
            "bytes": entries[name].bytes,
            "sha256": checksums[name],
        }
        for name in layout.tables
    ]
    frames = {
        "core.raw_files": pl.DataFrame(raw_files),
        "core.tracks": tables.tracks,
        "core.track_genres": tables.track_genres,
        "core.rejects": tables.rejects,
    }
    inputs = content_hash(VERSION, checksums)
    write_parts(store, OUTPUTS, frames, inputs)
    note_inputs(store, STAGE, seen, inputs)
    return True
