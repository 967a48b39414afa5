"""Multi-label stratified splits: iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, algorithm 1).

Written from the paper: the label with the fewest examples left goes first; each of its examples goes to the part that
lacks most of that label, then to the one that lacks most examples. Here an example may stand for several tracks that
must stay together (an artist), which the paper does not treat: it counts with all its tracks and labels, and of those
with a label the one with most tracks of it goes first, so that what comes later can even out what came before.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
