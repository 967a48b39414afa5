"""The tables of a dataset into core.tracks, core.track_genres, core.raw_files and the rejects of reading."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from pipelines.currency import Outputs, Step, note_inputs, raw_is_current
from pipelines.datasets import fma, folder, genius, msd, music4all
from pipelines.datasets.canonical import Tables
from warehouse.store import Store
from warehouse.tables import file_sha256, write_table

VERSION = 1


class Layout(Protocol):
    """Where a dataset lies, as its reader found it."""

    @property
    def tables(self) -> Mapping[str, Path]:
        """Files that are read, by their path below the dataset's root."""
        ...


READERS: Mapping[str, Callable[[Any], Tables]] = {
    music4all.DATASET: music4all.read,
    msd.DATASET: msd.read,
    genius.DATASET: genius.read,
    fma.DATASET: fma.read,
}
STEP = Step("reading datasets", VERSION)
STEPS: Mapping[str, Step] = {fma.DATASET: Step("reading FMA", VERSION, files=(fma.KNOWN_ISSUES_FILE,))}
# Tables of what only one dataset states.
DETAILS = {msd.DATASET: "core.msd_tracks", genius.DATASET: "core.genius_songs", fma.DATASET: "core.fma_tracks"}


def tracks_outputs(dataset: str) -> Outputs:
    """Table -> part that reading the dataset writes."""
    shared = dict.fromkeys(("core.raw_files", "core.tracks", "core.track_genres"), dataset)
    details = {DETAILS[dataset]: "all"} if dataset in DETAILS else {}
    return {**shared, **details, "core.rejects": f"{dataset}-read"}


def build_tracks(store: Store, layout: Layout, dataset: str = music4all.DATASET) -> bool:
    """Read the tables if one of them changed; returns whether anything was done."""
    stage, outputs = f"{dataset}-read", tracks_outputs(dataset)
    entries = {name: folder.entry(path) for name, path in layout.tables.items()}
    step = STEPS.get(dataset, STEP)
    seen = step.inputs(folder.fingerprint(entries))
    if raw_is_current(store, stage, seen, outputs):
        return False
    checksums = {name: file_sha256(path) for name, path in layout.tables.items()}
    tables = READERS[dataset](layout)
    raw_files: list[dict[str, Any]] = [
        {
            "dataset": dataset,
            "source_file": name,
            "rows": tables.raw_rows[name],
            "bytes": entries[name].bytes,
            "sha256": checksums[name],
        }
        for name in layout.tables
    ]
    inputs = step.inputs(checksums)
    frames: dict[str, Callable[[], pl.DataFrame | None]] = {
        "core.raw_files": lambda: pl.DataFrame(raw_files),
        "core.tracks": lambda: tables.tracks,
        "core.track_genres": lambda: tables.track_genres,
        "core.rejects": lambda: tables.rejects,
        DETAILS.get(dataset, ""): lambda: tables.details,
    }
    for table, part in outputs.items():  # made and written one by one: five million songs fit in memory once
        write_table(store, table, frames[table](), part=part, inputs=inputs)
    note_inputs(store, stage, seen, inputs)
    return True
