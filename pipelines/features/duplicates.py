"""Audio files with the same bytes, found by the checksums of the audit."""

import polars as pl

from pipelines.incremental import Outputs, Step, is_current
from pipelines.tables import read_frame, write_parts
from warehouse.store import Store
from warehouse.tables import table_hash

VERSION = 1
STEP = Step("duplicates of audio", VERSION)
OUTPUTS: Outputs = {"core.audio_duplicates": "all"}


def build_duplicates(store: Store) -> bool:
    """List the tracks that share their audio file's bytes with another; returns whether anything was done."""
    inputs = STEP.inputs(table_hash(store, "core.audio_files"))
    if is_current(store, OUTPUTS, inputs):
        return False
    return write_parts(
        store, OUTPUTS, {"core.audio_duplicates": duplicates(read_frame(store, "core.audio_files"))}, inputs
    )


def duplicates(audit: pl.DataFrame) -> pl.DataFrame:
    """Rows of core.audio_duplicates for rows of core.audio_files; empty files are broken, not equal."""
    there = audit.filter(pl.col("sha256").is_not_null() & (pl.col("bytes") > 0))
    counted = there.with_columns(pl.len().over("sha256").cast(pl.Int32).alias("copies"))
    return counted.filter(pl.col("copies") > 1).select("sha256", "dataset", "track_id", "audio_path", "copies")
