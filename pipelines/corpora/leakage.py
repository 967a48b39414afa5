"""Counts what the sides of a split have in common - artists, songs and files - as rows of corpus.leakage."""

from itertools import combinations

import duckdb
import polars as pl

from pipelines.corpora.config import SIDES, Corpus, Folds
from pipelines.matching.keys import keyed

SHARED = ("artist", "song", "audio")
SCHEMA = {
    "corpus": pl.String,
    "scheme": pl.String,
    "split_fold": pl.Int32,
    "side_a": pl.String,
    "side_b": pl.String,
    "tracks_a": pl.Int64,
    "tracks_b": pl.Int64,
    **{f"{what}s_shared": pl.Int64 for what in ("artist", "song")},
    "audio_shared": pl.Int64,
    **{f"tracks_{what}_shared": pl.Int64 for what in SHARED},
    "tracks_affected": pl.Int64,
    "share_affected": pl.Float64,
}
SHARE_DIGITS = 6


def track_identities(tracks: pl.DataFrame) -> pl.DataFrame:
    """Say which tracks are of one artist, one song, one file.

    Args:
        tracks: Columns track_id, artist, title, artist_id (the dataset's own; null where it has none), sha256 (of the
            audio file; null where it was not read).

    Returns:
        track_id, artist_key, song_key, audio_key, each null where it is unknown. An artist is the dataset's own id,
        else the name as `pipelines.matching` normalises it, without guests; a song is normalised artist and
        title.
    """
    with duckdb.connect() as connection:
        connection.register("tracks", tracks.select("track_id", "artist", "title").to_arrow())
        keys = connection.sql(f"SELECT track_id, artist_key, title_key FROM ({keyed('tracks')})").pl()
    known = tracks.select("track_id", "artist_id", "sha256").join(keys, on="track_id", how="left")
    named, titled = (pl.when(pl.col(key).fill_null("") != "").then(key) for key in ("artist_key", "title_key"))
    return known.select(
        "track_id",
        pl.coalesce(pl.concat_str(pl.lit("id:"), "artist_id"), pl.concat_str(pl.lit("name:"), named)).alias(
            "artist_key"
        ),
        pl.concat_str(named, pl.lit("\x1f"), titled).alias("song_key"),
        pl.col("sha256").alias("audio_key"),
    ).sort("track_id")


def leakage(corpus: Corpus, folds: pl.DataFrame, identities: pl.DataFrame) -> pl.DataFrame:
    """Compare the sides of every split: rows of corpus.leakage.

    Args:
        corpus: The corpus.
        folds: Its rows of corpus.folds.
        identities: What `track_identities` returns.
    """
    known = folds.join(identities, on="track_id", how="left")
    frames = [pl.DataFrame(schema=SCHEMA)]
    for scheme, rule in corpus.folds.items():
        own = known.filter(pl.col("scheme") == scheme)
        for number, sided in enumerate(sides(own, rule)):
            rows = [_compared(sided, a, b) for a, b in combinations([s for s in SIDES if s in set(sided["side"])], 2)]
            labels = {"corpus": corpus.name, "scheme": scheme, "split_fold": number}
            frames += [pl.DataFrame([{**labels, **row}], schema=SCHEMA) for row in rows]
    return pl.concat(frames)


def sides(folds: pl.DataFrame, rule: Folds) -> list[pl.DataFrame]:
    """Splits of a scheme, each with column side: one of train, validation and test, or one per test fold."""
    fold = pl.col("fold")
    if folds.is_empty():
        return []
    if rule.shares:
        names = dict(enumerate(SIDES))
        return [folds.with_columns(fold.replace_strict(names, return_dtype=pl.String).alias("side"))]
    return [
        folds.with_columns(pl.when(fold == test).then(pl.lit("test")).otherwise(pl.lit("train")).alias("side"))
        for test in range(rule.n)
    ]


def _compared(sided: pl.DataFrame, side_a: str, side_b: str) -> dict[str, object]:
    """Count what two sides share, and the tracks of the second that have something in the first."""
    a, b = (sided.filter(pl.col("side") == side) for side in (side_a, side_b))
    inside = {what: pl.col(f"{what}_key").is_in(a[f"{what}_key"].drop_nulls().unique().implode()) for what in SHARED}
    marked = b.with_columns(found.fill_null(value=False).alias(what) for what, found in inside.items())
    affected = int(marked.select(pl.any_horizontal(SHARED).sum()).item())
    counts = {what: marked.filter(what)[f"{what}_key"].n_unique() for what in SHARED}
    return {
        "side_a": side_a,
        "side_b": side_b,
        "tracks_a": a.height,
        "tracks_b": b.height,
        "artists_shared": counts["artist"],
        "songs_shared": counts["song"],
        "audio_shared": counts["audio"],
        **{f"tracks_{what}_shared": int(marked[what].sum()) for what in SHARED},
        "tracks_affected": affected,
        "share_affected": round(affected / b.height, SHARE_DIGITS) if b.height else 0.0,
    }
