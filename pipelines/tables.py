"""What the passes share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.config import DATASET_VARIABLES, Settings
from pipelines.incremental import Outputs
from warehouse.checksum import ERRORS_OF_A_BROKEN_FILE
from warehouse.claim import claim
from warehouse.contract import arrow_schema
from warehouse.store import Store, StoreError
from warehouse.tables import read_table, stored_inputs, whole_part, write_table

NOT_CONFIGURED = "not configured"
SAMPLE_FOLDER = "sample"
# The part that tells whether a dataset was read into a store.
READ_INTO: Mapping[str, tuple[str, str]] = {
    **{dataset: ("core.raw_files", dataset) for dataset in ("music4all", "msd", "genius", "fma")},
    "fma_lyrics": ("core.lyrics", "fma"),
}


def open_store(settings: Settings) -> Store:
    """The store of a configuration, claimed for its kind of data and its profile.

    Raises:
        StoreError: as `warehouse.claim.claim`, or if a dataset that was read into the store is no longer configured:
            its tables and all that rests on them would be emptied.
    """
    store = Store(settings.store)
    claim(store, settings.data_kind, settings.profile)
    gone = [name for name, part in READ_INTO.items() if not settings.is_configured(name) and has_rows(store, *part)]
    if gone:
        names = " and ".join(DATASET_VARIABLES[name] for name in gone)
        raise StoreError(
            f"{store.root} holds {' and '.join(gone)}, and {names} {'is' if len(gone) == 1 else 'are'} not set; going "
            f"on would replace those tables and their results by nothing. Nothing was changed. Set {names} again, or "
            f"take a new store without: MGC_STORE={store.root}-without-{'-'.join(gone)} "
            "dagster job execute -j full_repro"
        )
    return store


def has_rows(store: Store, table: str, part: str) -> bool:
    """Whether a part has rows; also one of an earlier contract, whose other columns nobody can read any more."""
    try:
        count: int = pq.read_metadata(store.table(table) / f"{part}.parquet").num_rows
    except ERRORS_OF_A_BROKEN_FILE:
        return False
    return count > 0


def dataset_root(store: Store, settings: Settings, dataset: str) -> Path:
    """Folder of a configured dataset; without any configured, of its generated stand-in in the store."""
    return store.root / SAMPLE_FOLDER / dataset if settings.data_kind == "sample" else settings.datasets[dataset]


def not_run(settings: Settings, dataset: str) -> str:
    """Why the tables of a dataset stay empty, in the words of report.results.status; empty if they are filled."""
    return "" if settings.is_configured(dataset) else f"not run: {DATASET_VARIABLES[dataset]} is not set"


def not_there(store: Store, settings: Settings, dataset: str) -> str:
    """As `not_run`, and also where the sample corpus does not hold the dataset, or it could not be read."""
    if settings.data_kind == "sample" and not dataset_root(store, settings, dataset).exists():
        return f"not run: the sample corpus has no {dataset} yet"
    if reason := not_run(settings, dataset):
        return reason
    why = cannot_be_read(store, dataset)
    return f"not run: {why}" if why else ""


def unreadable_part(dataset: str) -> str:
    """Part of core.rejects that is there while a dataset cannot be read, and says why."""
    return f"{dataset}-unreadable"


def unreadable(store: Store, dataset: str) -> str:
    """Why a dataset could not be read when it was last tried; empty where it could."""
    path = store.table("core.rejects") / f"{unreadable_part(dataset)}.parquet"
    return str(pl.read_parquet(path, columns=["detail"]).item()) if path.is_file() else ""


def cannot_be_read(store: Store, dataset: str) -> str:
    """Why there is nothing of a dataset, in short; empty where it could be read."""
    return f"{DATASET_VARIABLES[dataset]} cannot be read (core.rejects says why)" if unreadable(store, dataset) else ""


def write_empty(store: Store, outputs: Outputs) -> bool:
    """Write the parts of a dataset that is not there, without rows; returns whether anything was to do.

    What was read of it before stays: a dataset that can no longer be read takes nothing away.
    """
    left = {table: part for table, part in outputs.items() if stored_inputs(store, table, part) is None}
    for table, part in left.items():
        write_table(store, table, arrow_schema(table).empty_table(), part=part, inputs=NOT_CONFIGURED)
    return bool(left)


def write_parts(store: Store, outputs: Outputs, frames: Mapping[str, pl.DataFrame], inputs: str) -> bool:
    """Write one frame per output; returns True, for `something was done`."""
    for table, part in outputs.items():
        write_table(store, table, frames[table], part=part, inputs=inputs)
    return True


def read_frame(store: Store, table: str, dataset: str | None = None) -> pl.DataFrame:
    """Read a table, or its rows of one dataset."""
    return pl.DataFrame(read_table(store, table, {} if dataset is None else {"dataset": dataset}))


def read_columns(store: Store, table: str, part: str, columns: Sequence[str]) -> pl.DataFrame:
    """Read some columns of one part of a table that is too large to read for nothing."""
    return pl.read_parquet(whole_part(store, table, part), columns=list(columns))


def typed_frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame that `warehouse.tables.write_table` accepts, also when there are none."""
    frame = pl.from_arrow(pa.Table.from_pylist(list(rows), schema=arrow_schema(name)))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"{name}: expected a frame, found {type(frame).__name__}")
    return frame
