"""The one shape that every reader gives its tables in."""

import re
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl

# Columns of core.tracks.
TRACK_SCHEMA: Mapping[str, pl.DataType] = {
    "dataset": pl.String(),
    "track_id": pl.String(),
    "artist": pl.String(),
    "title": pl.String(),
    "album": pl.String(),
    "release_year": pl.Int32(),
    "popularity": pl.Float64(),
    "danceability": pl.Float64(),
    "energy": pl.Float64(),
    "valence": pl.Float64(),
    "tempo_bpm": pl.Float64(),
    "catalogue_duration_s": pl.Float64(),
    "genres": pl.List(pl.String),
    "tags": pl.List(pl.String),
    "language_label": pl.String(),
}


@dataclass(frozen=True)
class Tables:
    """What the files of a dataset hold.

    Attributes:
        tracks: Rows of core.tracks.
        rejects: Rows of core.rejects, stage read.
        raw_rows: Rows of each file below its header, readable or not.
        details: Rows of the table of what only this dataset states; None where there is none.
    """

    tracks: pl.DataFrame
    rejects: pl.DataFrame
    raw_rows: Mapping[str, int]
    details: pl.DataFrame | None = None

    @property
    def track_genres(self) -> pl.DataFrame:
        """Rows of core.track_genres: the genres of `tracks` in long form."""
        genres = pl.col("genres")
        return (
            self.tracks.lazy()
            .filter(genres.list.len() > 0)
            .select(
                "dataset",
                "track_id",
                pl.int_ranges(1, genres.list.len() + 1, dtype=pl.Int32).alias("genre_position"),
                genres.alias("genre"),
            )
            .explode("genre_position", "genre")
            .collect()
        )


def as_tracks(frame: pl.DataFrame, dataset: str) -> pl.DataFrame:
    """Columns of core.tracks out of `frame`; those it has not are null, its lists empty."""
    absent = {
        name: pl.lit([] if isinstance(kind, pl.List) else None, kind)
        for name, kind in TRACK_SCHEMA.items()
        if name not in frame.columns
    }
    columns = {**absent, "dataset": pl.lit(dataset, pl.String)}
    return frame.with_columns(**columns).select(pl.col(name).cast(kind) for name, kind in TRACK_SCHEMA.items())


class DatasetError(ValueError):
    """A dataset that cannot be read as it is; the message says what, where, expected, found and the mend."""


MAX_ID_LENGTH = 128
SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def is_safe_id(track_id: str) -> bool:
    """Whether an identifier can be a file name on every system: letters, digits, `_`, `-`, and `.` but not in front."""
    return len(track_id) <= MAX_ID_LENGTH and SAFE_ID.fullmatch(track_id) is not None


# A row of the table of tracks with one of these reasons is not a track; every other reason leaves the track in.
NOT_A_TRACK = frozenset(
    {
        "too_few_columns",
        "too_many_columns",
        "malformed_row",
        "unclosed_quote",
        "nul_byte",
        "line_too_long",
        "row_too_long",
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


MOST_REJECTS = 200_000  # of one file; with more it is another file than its name says, and they take memory
MOST_CHARACTERS_OF_A_REJECT = 1000  # of each of its texts


def stop_if_too_many(rejects: Sized, path: Path) -> None:
    """Give a file up that is damaged all over.

    Raises:
        DatasetError: if there are more than `MOST_REJECTS`.
    """
    if len(rejects) > MOST_REJECTS:
        raise DatasetError(
            f"{path} is damaged: more than {MOST_REJECTS:,} of its rows cannot be read as they should. That is too "
            "much to go on; copy the file from the download again."
        )


def rejects_frame(dataset: str, stage: str, rejects: Iterable[Reject]) -> pl.DataFrame:
    """Rows of `core.rejects` for one stage, in an order that does not depend on how they were found."""
    rows = [
        (dataset, _text(reject.track_id), stage, reject.reason, _text(reject.source_file), reject.source_row,
         _text(reject.detail))
        for reject in rejects
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.sort("source_file", "source_row", "track_id", "reason", "detail", nulls_last=True)


def as_text(text: str) -> str:
    """A text, such as a file name, in characters that can be stored; what is not Unicode is shown by its escape."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def _text(value: str | None) -> str | None:
    if value is None:
        return None
    text = as_text(value[: MOST_CHARACTERS_OF_A_REJECT + 1])
    return text if len(text) <= MOST_CHARACTERS_OF_A_REJECT else f"{text[:MOST_CHARACTERS_OF_A_REJECT]}…"
