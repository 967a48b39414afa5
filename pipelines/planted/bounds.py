"""How well the genres of a planted corpus could be told: what the rows of a table stand between."""

from collections.abc import Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mgc_models.evaluation.metrics import average_precision
from pipelines.planted.corpus import TEST, TRAIN, PlantedCorpus

Columns = NDArray[np.float64]
SHRINKAGES = (0.1, 1.0, 10.0)  # inverse weights of the penalty
LABELS = {
    "oracle": "(oracle: what the labels were made from)",
    "additive": "(bound: best sum of what is heard and what is read)",
    "graph_free": "(bound: best score of each genre by itself)",
}


def bounds(corpus: PlantedCorpus) -> dict[str, float]:
    """Mean average precision on the test part of scores that know the values behind sound and words.

    `oracle` is what the labels were made from. The others are logistic regressions on the labels of the training part:
    `additive` on the values, so that sound and words are added; `graph_free` also on every product of one of sound and
    one of words, where these mean something together. The penalty is the best on the test part: these are bounds, and
    no estimates. Nothing where the truth is not one number.
    """
    if corpus.truth is None:
        return {}
    alone = np.column_stack(list(corpus.factors.values()))
    found = {"oracle": _score(corpus, corpus.truth), "additive": _best(corpus, alone)}
    if corpus.paired:
        found["graph_free"] = _best(corpus, np.column_stack([alone, *_products(corpus.factors)]))
    return found


def _products(factors: Mapping[str, Columns]) -> list[Columns]:
    heard, read = ([own for name, own in factors.items() if name.startswith(kind)] for kind in ("sound", "words"))
    return [one * other for one, other in product(heard, read)]


def _score(corpus: PlantedCorpus, scores: Columns) -> float:
    tested = (corpus.parts == TEST) & corpus.labels.any(axis=1)  # as every metric leaves out tracks without a genre
    return float(np.nanmean(average_precision(corpus.labels[tested], scores[tested])))


def _best(corpus: PlantedCorpus, inputs: Columns) -> float:
    return max(_score(corpus, inputs @ _directions(corpus, inputs, shrinkage).T) for shrinkage in SHRINKAGES)


def _directions(corpus: PlantedCorpus, inputs: Columns, shrinkage: float) -> Columns:
    """Of every genre by itself, [C, D]; zeros where no training track has it."""
    own = corpus.parts == TRAIN
    directions = np.zeros((corpus.labels.shape[1], inputs.shape[1]))
    for genre, labels in enumerate(corpus.labels[own].T):
        if labels.any():
            directions[genre] = LogisticRegression(C=shrinkage, max_iter=300).fit(inputs[own], labels).coef_[0]
    return directions
