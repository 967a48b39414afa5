"""The one shape that every reader gives its tables in."""

from collections.abc import Mapping
from dataclasses import dataclass

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
