"""What the passes share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from pipelines.currency import Outputs, is_current
from pipelines.settings import DATASET_VARIABLES, Settings
from warehouse.contract import arrow_schema
from warehouse.store import Store
from warehouse.tables import read_table, write_table

NOT_CONFIGURED = "not configured"
SAMPLE_FOLDER = "sample"


def dataset_root(store: Store, settings: Settings, dataset: str) -> Path:
    """Folder of a configured dataset; without any configured, of its generated stand-in in the store."""
    return store.root / SAMPLE_FOLDER / dataset if settings.data_kind == "sample" else settings.datasets[dataset]


def not_run(settings: Settings, dataset: str) -> str:
    """Why the tables of a dataset stay empty, in the words of report.results.status; empty if they are filled."""
    return "" if settings.is_configured(dataset) else f"not run: {DATASET_VARIABLES[dataset]} is not set"


def not_there(store: Store, settings: Settings, dataset: str) -> str:
    """As `not_run`, and also where the sample corpus does not hold the dataset."""
    if settings.data_kind == "sample" and not dataset_root(store, settings, dataset).exists():
        return f"not run: the sample corpus has no {dataset} yet"
    return not_run(settings, dataset)


def write_empty(store: Store, outputs: Outputs) -> bool:
    """Write the parts of a dataset that is not configured, without rows; returns whether anything was to do."""
    if is_current(store, outputs, NOT_CONFIGURED):
        return False
    for table, part in outputs.items():
        write_table(store, table, arrow_schema(table).empty_table(), part=part, inputs=NOT_CONFIGURED)
    return True


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
    return pl.read_parquet(store.table(table) / f"{part}.parquet", columns=list(columns))
