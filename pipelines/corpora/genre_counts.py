"""Genres of a set of tracks: counts, co-occurrence counts, and the label vocabulary."""

from collections.abc import Sequence

import duckdb
import polars as pl

COOCCURRENCE = """
WITH pairs AS (
  SELECT a.genre AS genre_a, b.genre AS genre_b, count(*) AS tracks
  FROM labels a JOIN labels b USING (track_id)
  GROUP BY ALL
)
SELECT
  a.genre AS genre_a,
  b.genre AS genre_b,
  coalesce(pairs.tracks, 0)::BIGINT AS tracks,
  coalesce(pairs.tracks / nullif(a.tracks, 0), 0)::DOUBLE AS conditional_probability
FROM scope a CROSS JOIN scope b
LEFT JOIN pairs ON pairs.genre_a = a.genre AND pairs.genre_b = b.genre
ORDER BY genre_a, genre_b
"""


def frequency(tracks: pl.DataFrame) -> pl.DataFrame:
    """Count tracks per genre.

    Args:
        tracks: Columns track_id, genres.

    Returns:
        Columns genre, tracks (int64), rank (int32, from 1; alphabetical on ties), in the order of the rank.
    """
    counts = tracks.select(pl.col("genres").alias("genre")).explode("genre").drop_nulls().group_by("genre")
    ranked = counts.agg(pl.len().cast(pl.Int64).alias("tracks")).sort(["tracks", "genre"], descending=[True, False])
    return ranked.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("rank"))


def top_genres(tracks: pl.DataFrame, k: int) -> list[str]:
    """The `k` most frequent genres, most frequent first, alphabetical on ties."""
    return frequency(tracks).head(k)["genre"].to_list()


def cooccurrence(tracks: pl.DataFrame, genres: Sequence[str]) -> pl.DataFrame:
    """Count every ordered pair of `genres`, pairs that never occur together and the diagonal included.

    Args:
        tracks: Columns track_id, genres.
        genres: Genres in scope.

    Returns:
        Columns genre_a, genre_b, tracks and conditional_probability = P(genre_b | genre_a) = N_ab / N_a, as in ML-GCN
        (Chen et al. 2019), and 0 where no track has genre_a.
    """
    in_scope = pl.DataFrame({"genre": list(genres)}, schema={"genre": pl.String})
    labels = tracks.select("track_id", pl.col("genres").alias("genre")).explode("genre").drop_nulls("genre")
    labels = labels.join(in_scope, on="genre", how="semi")
    counts = labels.group_by("genre").agg(pl.len().cast(pl.Int64).alias("tracks"))
    scope = in_scope.join(counts, on="genre", how="left").with_columns(pl.col("tracks").fill_null(0))
    with duckdb.connect() as connection:
        connection.register("labels", labels.to_arrow())
        connection.register("scope", scope.to_arrow())
        return connection.sql(COOCCURRENCE).pl()
