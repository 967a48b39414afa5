"""Multi-label metrics, one definition each (thesis Eq. 5.1 to 5.7), in NumPy.

Rules for empty sets: a track whose true set Y is empty is left out of every metric, and `tracks_unlabelled` counts
such tracks. A track for which nothing is predicted has precision 0 (and so accuracy, recall and F1 of 0). A genre that
no scored track has is left out of the mean average precision, and `classes_scored` counts the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CANDIDATES = 99
AT_A_THRESHOLD = (
    *("accuracy", "precision", "recall", "f1"),
    *("subset_accuracy", "accuracy_label", "accuracy_micro", "f1_micro", "f1_macro"),
)
"""Metrics of predicted genres, which a threshold decides."""


@dataclass(frozen=True)
class Scores:
    """Metrics of one set of tracks, as shares of one.

    Attributes:
        values: By name; None where no track or no genre can be scored.
        genre_ap: Average precision of each genre, Eq. 5.7; NaN without positives; [C].
        positives: Scored tracks that have the genre; [C].
        classes_scored: Genres with at least one positive.
        tracks_unlabelled: Tracks left out because they have no genre.
        class_means: Those of `values` that are means over the genres with at least one positive.
    """

    values: dict[str, float | None]
    genre_ap: NDArray[np.float64]
    positives: NDArray[np.int64]
    classes_scored: int
    tracks_unlabelled: int
    class_means: tuple[str, ...] = ("map", "f1_macro")


def score(labels: NDArray[np.bool_], logits: NDArray[np.float32], threshold_logit: float) -> Scores:
    """All metrics of a set of tracks.

    `values` holds accuracy (mean of |Y ∩ Ŷ| / |Y ∪ Ŷ| over tracks, thesis Eq. 5.1), precision (|Y ∩ Ŷ| / |Ŷ|, Eq. 5.2),
    recall (|Y ∩ Ŷ| / |Y|, Eq. 5.3), f1 (2 |Y ∩ Ŷ| / (|Y| + |Ŷ|), Eq. 5.4), map (mean over genres of the average
    precision, Eq. 5.5), loss (mean binary cross-entropy over tracks and genres), subset_accuracy (share of tracks with
    Y = Ŷ), accuracy_label (share of cells, track by genre, that are right), accuracy_micro (|Y ∩ Ŷ| / |Y ∪ Ŷ| over all
    cells), f1_micro (F1 over all cells) and f1_macro (mean F1 over genres).

    Args:
        labels: True genres, [N, C].
        logits: Model outputs before the sigmoid, [N, C].
        threshold_logit: A genre is predicted when its logit is greater; the thesis' sigmoid(-1.5) = 0.1824 is -1.5.

    Raises:
        ValueError: if the shapes differ or a logit is not a finite number.
    """
    labels = np.asarray(labels, dtype=bool)
    if labels.shape != logits.shape or labels.ndim != 2:
        raise ValueError(f"expected labels and logits of one shape [N, C], found {labels.shape} and {logits.shape}")
    if not np.isfinite(logits).all():
        raise ValueError(f"{int((~np.isfinite(logits)).sum())} of {logits.size} logits are not finite numbers")
    labelled = labels.any(axis=1)
    labels, logits = labels[labelled], logits[labelled]
    per_genre = average_precision(labels, logits)
    scored = np.isfinite(per_genre)
    predicted = logits > threshold_logit
    averaged = {"map": _mean(per_genre[scored]), "loss": _mean(binary_cross_entropy(labels, logits))}
    return Scores(
        values={**example_based(labels, predicted), **averaged, **label_based(labels, predicted)},
        genre_ap=per_genre,
        positives=labels.sum(axis=0, dtype=np.int64),
        classes_scored=int(scored.sum()),
        tracks_unlabelled=int((~labelled).sum()),
    )


def label_based(labels: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> dict[str, float | None]:
    """Accuracy of whole label sets and over all cells, and F1 over all cells and as the mean over genres that occur.

    Args:
        labels: True genres, [N, C].
        predicted: Predicted genres, [N, C].
    """
    hits = (labels & predicted).sum(axis=0)
    sizes = labels.sum(axis=0) + predicted.sum(axis=0)
    occurs = labels.any(axis=0)
    return {
        "subset_accuracy": _mean((labels == predicted).all(axis=1).astype(float)),
        "accuracy_label": _mean((labels == predicted).mean(axis=1)),
        "accuracy_micro": float(hits.sum() / (sizes - hits).sum()) if sizes.sum() else None,
        "f1_micro": float(2 * hits.sum() / sizes.sum()) if sizes.sum() else None,
        "f1_macro": _mean(2 * hits[occurs] / sizes[occurs]),
    }


def example_based(labels: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> dict[str, float | None]:
    """Accuracy, precision, recall and f1 of thesis Eq. 5.1 to 5.4.

    Args:
        labels: True genres, [N, C], at least one per track.
        predicted: Predicted genres, [N, C].

    Raises:
        ValueError: if a track has no true genre.
    """
    true_size = labels.sum(axis=1)
    if not true_size.all():
        raise ValueError(f"{int((true_size == 0).sum())} of {len(labels)} tracks have no true genre; leave them out")
    predicted_size = predicted.sum(axis=1)
    common = (labels & predicted).sum(axis=1)
    return {
        "accuracy": _mean(common / (true_size + predicted_size - common)),
        "precision": _mean(common / np.maximum(predicted_size, 1)),
        "recall": _mean(common / true_size),
        "f1": _mean(2 * common / (true_size + predicted_size)),
    }


def best_threshold(labels: NDArray[np.bool_], logits: NDArray[np.floating]) -> float:
    """The threshold whose example-based F1 is best; of several equally good ones the lowest.

    The candidates are the logits themselves, or their 99 percentiles where they are more than that.

    Args:
        labels: True genres of the validation part, [N, C].
        logits: Of the same tracks, [N, C].

    Raises:
        ValueError: if no track has a genre.
    """
    labelled = labels.any(axis=1)
    if not labelled.any():
        raise ValueError("expected validation tracks with a genre to choose a threshold by, found none")
    labels, logits = labels[labelled], logits[labelled]
    candidates = np.unique(logits)
    if len(candidates) > _CANDIDATES:
        candidates = np.unique(np.quantile(logits, np.arange(1, _CANDIDATES + 1) / (_CANDIDATES + 1)))
    scores = [example_based(labels, logits > candidate)["f1"] or 0.0 for candidate in candidates]
    return float(candidates[int(np.argmax(scores))])


def best_f1(labels: NDArray[np.bool_], logits: NDArray[np.floating]) -> float:
    """The example-based F1 at the best threshold for these tracks; 0 where none of them has a genre.

    Args:
        labels: True genres, [N, C].
        logits: Of the same tracks, [N, C].
    """
    labelled = labels.any(axis=1)
    if not labelled.any():
        return 0.0
    threshold = best_threshold(labels, logits)
    return example_based(labels[labelled], logits[labelled] > threshold)["f1"] or 0.0


def average_precision(labels: NDArray[np.bool_], scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Average precision of every class, thesis Eq. 5.7, step-wise; equal scores share one threshold.

    The same number as scikit-learn's `average_precision_score`, for all classes in one pass.

    Args:
        labels: True genres, [N, C].
        scores: Higher means more likely, [N, C].

    Returns:
        One value per class, NaN for a class without positives; [C].
    """
    rows = len(labels)
    positives = labels.sum(axis=0)
    if rows == 0:
        return np.full(labels.shape[1], np.nan)
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked_scores = np.take_along_axis(scores, order, axis=0)
    hits = np.take_along_axis(labels, order, axis=0)
    rank = np.arange(1, rows + 1)[:, None]
    precision = np.cumsum(hits, axis=0) / rank
    # Tracks with equal scores pass the threshold together: each takes the precision at the last of its group.
    is_last = np.ones_like(hits)
    is_last[:-1] = ranked_scores[:-1] != ranked_scores[1:]
    last = np.minimum.accumulate(np.where(is_last, rank - 1, rows)[::-1], axis=0)[::-1]
    summed = (hits * np.take_along_axis(precision, last, axis=0)).sum(axis=0)
    return np.where(positives > 0, summed / np.maximum(positives, 1), np.nan)


def binary_cross_entropy(labels: NDArray[np.bool_], logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Binary cross-entropy of every track and genre in double precision, [N, C]."""
    wide = logits.astype(np.float64)
    return np.logaddexp(0.0, wide) - labels * wide


def _mean(values: NDArray[np.floating]) -> float | None:
    return float(values.mean()) if values.size else None


def single_label_scores(
    classes: NDArray[np.int64], logits: NDArray[np.floating], genres: Sequence[str]
) -> dict[str, float | None]:
    """Accuracy, F1 and logarithmic loss.

    Args:
        classes: True genre of each track, [N].
        logits: Model outputs before the softmax, [N, C]; of equal ones the first is predicted.
        genres: Names, [C].

    Returns:
        accuracy (top-1), f1 (mean over genres), f1_micro, f1_weighted (by number of tracks), log_loss, and `f1/<genre>`
        for every genre that occurs; None without any track.
    """
    names = ("accuracy", "f1", "f1_micro", "f1_weighted", "log_loss")
    if not len(classes):
        return dict.fromkeys(names)
    predicted = logits.argmax(axis=1)
    count = len(genres)
    support = np.bincount(classes, minlength=count)
    hits = np.bincount(classes[predicted == classes], minlength=count)
    found = np.bincount(predicted, minlength=count)
    f1 = 2 * hits / np.maximum(support + found, 1)
    occurs = support > 0
    accuracy = float((predicted == classes).mean())
    values = (
        accuracy,
        float(f1[occurs].mean()),
        accuracy,  # every track has one true and one predicted genre: micro-averaged F1 is the share of hits
        float((f1 * support).sum() / support.sum()),
        float(-log_softmax(logits)[np.arange(len(classes)), classes].mean()),
    )
    per_genre = {f"f1/{genre}": float(value) for genre, value, there in zip(genres, f1, occurs, strict=True) if there}
    return {**dict(zip(names, values, strict=True)), **per_genre}


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logarithms of the softmax in double precision, [N, C]."""
    wide = logits.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
