"""The tables of a dataset into core.tracks, core.track_genres, core.raw_files and the rejects of reading."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from pipelines.config import Settings
from pipelines.datasets import files as datasets_files
from pipelines.datasets import fma, genius, msd, music4all
from pipelines.datasets.bounds import within_bounds
from pipelines.datasets.common import DatasetError, Tables
from pipelines.incremental import Outputs, Step, note_inputs, raw_is_current
from pipelines.tables import dataset_root
from warehouse.store import Store
from warehouse.tables import file_sha256, write_table

VERSION = 2


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
    entries = {name: datasets_files.entry(path) for name, path in layout.tables.items()}
    step = STEPS.get(dataset, STEP)
    seen = step.inputs(datasets_files.fingerprint(entries))
    if raw_is_current(store, stage, seen, outputs):
        return False
    checksums = {name: file_sha256(path) for name, path in layout.tables.items()}
    tables = within_bounds(READERS[dataset](layout), dataset)
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


FMA_LYRICS = "fma_lyrics"
LOCATE: Mapping[str, Callable[[Path], Layout]] = {
    music4all.DATASET: music4all.locate,
    msd.DATASET: msd.locate,
    fma.DATASET: fma.locate,
}


def locate(store: Store, settings: Settings, dataset: str) -> Layout:
    """Find a dataset and check its files.

    Raises:
        DatasetError: if a file is missing or has another form.
    """
    root = dataset_root(store, settings, dataset)
    if dataset == genius.DATASET:
        return genius_layout(store, settings)
    return LOCATE[dataset](root)


def genius_layout(store: Store, settings: Settings) -> genius.Layout:
    """Find Genius' CSV; a mended copy of it goes to the store's state folder."""
    return genius.locate(dataset_root(store, settings, genius.DATASET), store.root / "state" / genius.DATASET)


def lyrics_folder(store: Store, settings: Settings) -> Path:
    """The folder of a user's lyrics of FMA tracks.

    Raises:
        DatasetError: if it is no folder.
    """
    folder = dataset_root(store, settings, FMA_LYRICS)
    if not folder.is_dir():
        raise DatasetError(
            f"MGC_FMA_LYRICS_DIR points at {folder}, which is no folder; expected <track_id>.txt in one."
        )
    return folder
