"""Splits of a corpus. Each is described in docs/decisions/corpora.md#splits."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.corpora.config import Corpus, Folds

Counts = NDArray[np.int64]


def stratify(counts: Counts, sizes: Counts, shares: Sequence[float], seed: int) -> Counts:
    """Deal examples out to parts so that each part has its share of every label.

    Args:
        counts: `[examples, labels]`, tracks of the example with the label.
        sizes: `[examples]`, tracks of the example, at least 1.
        shares: Share of each part; they add up to 1.
        seed: Of the order in which equals are dealt out.

    Returns:
        `[examples]`, the part of each example, from 0.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(sizes))
    part = np.full(len(sizes), -1, dtype=np.int64)
    lacking = [share * int(sizes.sum()) for share in shares]
    lacking_label = np.outer(shares, counts.sum(axis=0)).tolist()
    left = counts.copy()
    while (remaining := left.sum(axis=0)).any():
        label = int(np.where(remaining > 0, remaining, np.iinfo(np.int64).max).argmin())
        with_label = order[left[order, label] > 0]
        chosen = with_label[np.argsort(-counts[with_label, label], kind="stable")]
        _deal(chosen, part, counts, sizes, lacking, lacking_label, label)
        left[chosen] = 0
    unlabelled = order[part[order] < 0]
    for example in unlabelled[np.argsort(-sizes[unlabelled], kind="stable")]:
        part[example] = place = _most(lacking)
        lacking[place] -= int(sizes[example])
    return part


def _deal(
    chosen: Counts,
    part: Counts,
    counts: Counts,
    sizes: Counts,
    lacking: list[float],
    lacking_label: list[list[float]],
    label: int,
) -> None:
    """Deal out the examples of one label; what parts lack is brought up to date."""
    for example in chosen.tolist():
        place = max(range(len(lacking)), key=lambda side: (lacking_label[side][label], lacking[side]))
        part[example] = place
        lacking[place] -= int(sizes[example])
        own = lacking_label[place]
        for other in counts[example].nonzero()[0].tolist():
            own[other] -= int(counts[example, other])


def _most(values: list[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


SCHEMA = {"corpus": pl.String, "scheme": pl.String, "track_id": pl.String, "fold": pl.Int32}
SHIPPED = {"training": 0, "validation": 1, "test": 2}


def corpus_folds(corpus: Corpus, members: pl.DataFrame) -> pl.DataFrame:
    """Split a corpus under each of its schemes.

    Args:
        corpus: The rules.
        members: Columns track_id, genres (in scope), artist_key (null where the artist is unknown; only for schemes
            that go by it), split (only for shipped schemes).

    Returns:
        Rows of corpus.folds.
    """
    frames = [pl.DataFrame(schema=SCHEMA)]
    for scheme, rule in corpus.folds.items():
        frames.append(_folds(corpus.name, scheme, rule, members.sort("track_id")))
    return pl.concat(frames)


def _folds(corpus: str, scheme: str, rule: Folds, members: pl.DataFrame) -> pl.DataFrame:
    labelled, unlabelled = (
        members.filter((pl.col("genres").list.len() > 0) == has_label)["track_id"].to_list()
        for has_label in (True, False)
    )
    if rule.kind == "shipped":
        return _shipped(corpus, scheme, members)
    if rule.kind == "random" and not rule.shares and not rule.by_artist:
        return random_folds(corpus, scheme, labelled, rule.n, rule.seed, unlabelled)
    if folds_status(corpus, len(labelled), rule.n):
        return pl.DataFrame(schema=SCHEMA)
    if rule.kind == "random" and not rule.by_artist:
        return random_parts(corpus, scheme, labelled, rule.shares, rule.seed, unlabelled)
    return grouped_folds(corpus, scheme, rule, members)


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


def random_parts(
    corpus: str,
    scheme: str,
    track_ids: Sequence[str],
    shares: Sequence[float],
    seed: int,
    unlabelled: Sequence[str] = (),
) -> pl.DataFrame:
    """Shuffle the sorted tracks and cut them into parts of the given shares, the tracks without labels likewise.

    With as many labelled tracks as parts or more, no part is left without one.
    """
    random = np.random.default_rng(seed)
    frames = []
    for ids in (sorted(track_ids), sorted(unlabelled)):
        fold = np.repeat(np.arange(len(shares)), part_sizes(len(ids), shares))
        frames.append(_frame(corpus, scheme, ids, random.permutation(fold)))
    return pl.concat(frames).sort("track_id")


def part_sizes(total: int, shares: Sequence[float]) -> list[int]:
    """Whole sizes nearest to `shares` of `total`; no part is empty where there is enough for all."""
    cuts = [round(total * cut) for cut in np.cumsum(shares)[:-1].tolist()]
    sizes = [after - before for before, after in zip([0, *cuts], [*cuts, total], strict=True)]
    while min(sizes) == 0 and total >= len(sizes):
        sizes[sizes.index(max(sizes))] -= 1
        sizes[sizes.index(0)] += 1
    return sizes


def grouped_folds(corpus: str, scheme: str, rule: Folds, members: pl.DataFrame) -> pl.DataFrame:
    """Stratify by genre where the rule says so, and keep the tracks of an artist together where it does.

    Tracks whose artist is unknown stand alone. By artist, folds are as near to their shares as the artists allow.
    """
    members = members.sort("track_id")
    alone = pl.concat_str(pl.lit("track:"), "track_id")
    by = pl.coalesce(pl.concat_str(pl.lit("artist:"), "artist_key"), alone) if rule.by_artist else alone
    groups = members.select(by.rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    sizes = np.bincount(groups)
    counts = label_counts(members["genres"], groups, len(sizes))
    part = stratify(counts if rule.kind == "stratified" else counts[:, :0], sizes, rule.parts, rule.seed)
    return _frame(corpus, scheme, members["track_id"].to_list(), part[groups])


def label_counts(genres: pl.Series, groups: np.ndarray, examples: int) -> np.ndarray:
    """Give `[examples, labels]`: tracks of each group with each label, the labels in the order of their text."""
    labels = pl.DataFrame({"group": groups, "genre": genres}).explode("genre").drop_nulls()
    names = sorted(labels["genre"].unique())
    places = labels["genre"].replace_strict(names, range(len(names)), return_dtype=pl.Int64).to_numpy()
    counts = np.zeros((examples, len(names)), dtype=np.int64)
    np.add.at(counts, (labels["group"].to_numpy(), places), 1)
    return counts


def _shipped(corpus: str, scheme: str, members: pl.DataFrame) -> pl.DataFrame:
    """Take the split that the dataset states; tracks of which it states nothing are in no part."""
    shipped = members.filter(pl.col("split").is_in(list(SHIPPED)))
    fold = shipped["split"].replace_strict(SHIPPED, return_dtype=pl.Int32).to_numpy()
    return _frame(corpus, scheme, shipped["track_id"].to_list(), fold)


def _frame(corpus: str, scheme: str, ids: Sequence[str], fold: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(
        {"corpus": corpus, "scheme": scheme, "track_id": pl.Series(ids, dtype=pl.String), "fold": fold},
        schema_overrides={"fold": pl.Int32},
    ).select(list(SCHEMA))


def folds_status(corpus: str, labelled: int, n: int) -> str:
    """Why a corpus cannot be split; empty if it can."""
    if labelled >= n:
        return ""
    return f"corpus {corpus} holds {labelled:,} labelled tracks, {n} folds need at least {n}"
