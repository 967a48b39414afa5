"""Metrics of tracks that have one genre each, in NumPy; a genre that no track has is left out of means over genres."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
