"""Splits of a corpus."""

from collections.abc import Sequence

import polars as pl

SCHEMA = {"corpus": pl.String, "scheme": pl.String, "track_id": pl.String, "fold": pl.Int32}


def random_folds(
    corpus: str, scheme: str, track_ids: Sequence[str], n: int, seed: int, unlabelled: Sequence[str] = ()
) -> pl.DataFrame:
    """Shuffle the sorted tracks into `n` folds of equal size, as scikit-learn's KFold does.

    Args:
        corpus: Name of the corpus.
        scheme: Name of the split.
        track_ids: Tracks with a label in scope.
        n: Number of folds.
        seed: Seed of the shuffle.
        unlabelled: Tracks without one. No metric counts them, so they are dealt out apart, smallest folds first: else a
            fold of a small corpus could hold nothing that can be scored.

    Returns:
        Rows of corpus.folds; none if there are fewer labelled tracks than folds (see `folds_status`).
    """
    from sklearn.model_selection import KFold  # noqa: PLC0415 - a second that loading the code location need not pay
    from sklearn.utils import shuffle  # noqa: PLC0415

    ids = sorted(track_ids)
    if len(ids) < n:
        return pl.DataFrame(schema=SCHEMA)
    splits = KFold(n, shuffle=True, random_state=seed).split(ids)
    rows = [(corpus, scheme, ids[place], fold) for fold, (_, test) in enumerate(splits) for place in test]
    dealt = shuffle(sorted(unlabelled), random_state=seed) if unlabelled else []
    rows += [(corpus, scheme, track_id, (len(ids) + place) % n) for place, track_id in enumerate(dealt)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("track_id")


def folds_status(corpus: str, labelled: int, n: int) -> str:
    """Why a corpus cannot be split; empty if it can."""
    if labelled >= n:
        return ""
    return f"corpus {corpus} holds {labelled:,} labelled tracks, {n} folds need at least {n}"
