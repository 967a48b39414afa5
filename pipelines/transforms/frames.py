"""Frames with the columns and types of a table's contract."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from warehouse.contract import arrow_schema


def typed_frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame that `warehouse.tables.write_table` accepts, also when there are none."""
    frame = pl.from_arrow(pa.Table.from_pylist(list(rows), schema=arrow_schema(name)))
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"{name}: expected a frame, found {type(frame).__name__}")
    return frame
