"""Rows of `core.rejects`: what was found wrong in the files as downloaded, and what became of it."""

from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

# A row of the table of tracks with one of these reasons is not a track; every other reason leaves the track in.
NOT_A_TRACK = frozenset(
    {
        "too_few_columns",
        "too_many_columns",
        "malformed_row",
        "unclosed_quote",
        "nul_byte",
        "refused_id",
        "duplicate_id",
    }
)

SCHEMA = {
    "dataset": pl.String,
    "track_id": pl.String,
    "stage": pl.String,
    "reason": pl.String,
    "source_file": pl.String,
    "source_row": pl.Int64,
    "detail": pl.String,
}


class Reject(NamedTuple):
    """One row of `core.rejects` without its dataset and stage.

    Attributes:
        reason: Short code.
        track_id: As found; None where the row names none.
        source_file: Path below the dataset's folder.
        source_row: Line from 1, header included; None where it does not apply.
        detail: What was found.
    """

    reason: str
    track_id: str | None
    source_file: str | None
    source_row: int | None = None
    detail: str | None = None


def rejects_frame(dataset: str, stage: str, rejects: Iterable[Reject]) -> pl.DataFrame:
    """Rows of `core.rejects` for one stage, in an order that does not depend on how they were found."""
    rows = [
        (dataset, reject.track_id, stage, reject.reason, reject.source_file, reject.source_row, reject.detail)
        for reject in rejects
    ]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.sort("source_file", "source_row", "track_id", "reason", "detail", nulls_last=True)
