"""Splits of a corpus."""

from collections.abc import Sequence

import polars as pl

SCHEMA = {"corpus": pl.String, "scheme": pl.String, "track_id": pl.String, "fold": pl.Int32}


def random_folds(corpus: str, scheme: str, track_ids: Sequence[str], n: int, seed: int) -> pl.DataFrame:
    """Shuffle the sorted tracks into `n` folds of equal size, as scikit-learn's KFold does.

    Returns:
        Rows of corpus.folds; none if there are fewer tracks than folds (see `folds_status`).
    """
    from sklearn.model_selection import KFold  # noqa: PLC0415 - a second that loading the code location need not pay

    ids = sorted(track_ids)
    if len(ids) < n:
        return pl.DataFrame(schema=SCHEMA)
    splits = KFold(n, shuffle=True, random_state=seed).split(ids)
    rows = [(corpus, scheme, ids[place], fold) for fold, (_, test) in enumerate(splits) for place in test]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("track_id")


def folds_status(corpus: str, tracks: int, n: int) -> str:
    """Why a corpus cannot be split, in the words of report.results.status; empty if it can."""
    return f"not run: corpus {corpus} holds {tracks:,} tracks, {n} folds need at least {n}" if tracks < n else ""
