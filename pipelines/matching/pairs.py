"""Which kind of match two names are: exact, normalised or fuzzy."""

import duckdb
import polars as pl

from pipelines.matching.fuzzy import fuzzy_scores
from pipelines.matching.keys import keyed

KINDS = ("exact", "normalised", "fuzzy")  # from the surest down; a pair has the surest that holds
PAIR_COLUMNS = ("left_artist", "left_title", "right_artist", "right_title")
EXACTNESS = ("folded", "literal")


def classify_pairs(pairs: pl.DataFrame, *, exact: str = "folded") -> pl.DataFrame:
    """Say of each pair of names which kind of match it is.

    Args:
        pairs: Text columns `PAIR_COLUMNS`; others are kept.
        exact: `folded`: equal after NFC, case folding and trimming (papers.md section 7). `literal`: equal as written.

    Returns:
        `pairs` in its order with `kind` (null where the names do not match) and `score` (1 for exact and normalised
        pairs, 0 where the names do not match).

    Raises:
        ValueError: A column is missing, or `exact` is not one of `EXACTNESS`.
    """
    _check(pairs, exact)
    keys = _keyed_pairs(pairs)
    same = _literal(pairs) if exact == "literal" else _equal(keys, "exact_artist", "exact_title")
    normalised = _equal(keys, "artist_key", "title_key")
    score = pl.Series("score", [0.0] * pairs.height, dtype=pl.Float64) if not pairs.height else fuzzy_scores(keys)
    frame = pairs.with_columns(same.alias("_exact"), normalised.alias("_normalised"), score.alias("score"))
    sure = pl.col("_exact") | pl.col("_normalised")
    kind = (
        pl.when("_exact")
        .then(pl.lit("exact"))
        .when("_normalised")
        .then(pl.lit("normalised"))
        .when(pl.col("score") > 0)
        .then(pl.lit("fuzzy"))
    )
    score_ = pl.when(sure).then(1.0).otherwise(pl.col("score"))
    return frame.with_columns(kind=kind, score=score_).drop("_exact", "_normalised")


def _check(pairs: pl.DataFrame, exact: str) -> None:
    missing = [name for name in PAIR_COLUMNS if name not in pairs.columns]
    if missing:
        raise ValueError(
            f"pairs to classify: expected the columns {', '.join(PAIR_COLUMNS)}; missing: {', '.join(missing)}"
        )
    check_exactness(exact)


def check_exactness(exact: str) -> None:
    """Raise ValueError unless `exact` is one of `EXACTNESS`."""
    if exact not in EXACTNESS:
        raise ValueError(f"exact: expected one of {', '.join(EXACTNESS)}, found {exact!r}")


def _keyed_pairs(pairs: pl.DataFrame) -> pl.DataFrame:
    """The keys of both sides, as left_<column> and right_<column>, in the order of the pairs."""
    sides = ("left", "right")
    names = pl.concat(pairs.select(artist=f"{side}_artist", title=f"{side}_title") for side in sides)
    with duckdb.connect() as con:
        con.register("names", names.with_row_index("position"))
        keys = con.sql(f"SELECT * EXCLUDE (position) FROM ({keyed('names', 'position')}) ORDER BY position").pl()
    halves = zip(sides, (keys[: pairs.height], keys[pairs.height :]), strict=True)
    return pl.concat([half.rename(lambda name, side=side: f"{side}_{name}") for side, half in halves], how="horizontal")


def _equal(keys: pl.DataFrame, *columns: str) -> pl.Series:
    """True where every column is equal on both sides and none is empty: no name is no evidence."""
    tests = [(pl.col(f"left_{name}") == pl.col(f"right_{name}")) & (pl.col(f"left_{name}") != "") for name in columns]
    return keys.select(equal=pl.all_horizontal(tests))["equal"]


def _literal(pairs: pl.DataFrame) -> pl.Series:
    return pairs.select(
        equal=(pl.col("left_artist") == pl.col("right_artist")) & (pl.col("left_title") == pl.col("right_title"))
    )["equal"]
