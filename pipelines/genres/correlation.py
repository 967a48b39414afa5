"""Genre correlation: co-occurrence and names to the matrix of a graph network (Ru 2023; ML-GCN, Chen et al. 2019)."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.corpora.config import Correlation

Matrix = NDArray[np.float64]
DIGITS = 6
NGRAM_WIDTH = 512
NGRAMS = (2, 3, 4)
NAMES_ALIKE = 0.75  # threshold of S in reading `separate`: a cosine of one half
TOGETHER = (2.0, 2)  # least lift and least number of tracks of a pair in reading `lift`
READINGS = ("separate", "lift", "values")
"""Other readings of the matrix than the rule of the corpus, for rows that compare them (ru2023, `controls`)."""
EMPTY = 1e-6  # what ML-GCN's code adds to the sums it divides by


class Graph(NamedTuple):
    """Matrices `[genres, genres]`; row i, column j is about genre j given genre i.

    Attributes:
        tracks: N_ij, tracks with both; on the diagonal, with the one.
        conditional_probability: P_ij = N_ij / N_i; 0 where no track has genre i.
        name_cosine: S_ij, cosine of the centred name vectors brought from -1..1 to 0..1.
        correlation: A = w P + (1 - w) S with ones on the diagonal.
        weight: A after threshold, re-weighting and normalisation: what a graph network multiplies with.
        weight_separate: As `weight`, but with links where P is above the threshold, or S above one of its own.
        weight_lift: As `weight`, but with links between genres that meet at least twice as often as by chance.
        weight_values: A as it is above the threshold, and not re-weighted, normalised.
    """

    tracks: NDArray[np.int64]
    conditional_probability: Matrix
    name_cosine: Matrix
    correlation: Matrix
    weight: Matrix
    weight_separate: Matrix
    weight_lift: Matrix
    weight_values: Matrix


def genre_graph(members: Sequence[Sequence[str]], genres: Sequence[str], cosine: Matrix, rule: Correlation) -> Graph:
    """Correlate genres over a set of tracks.

    Args:
        members: Genres of each track.
        genres: Genres in scope, in the order of rows and columns.
        cosine: `[genres, genres]`, see `name_cosine`.
        rule: Weights, threshold and re-weighting.
    """
    counts = cooccurrence_counts(members, genres)
    alone = np.diag(counts)[:, None]
    probability = np.divide(counts, alone, out=np.zeros(counts.shape), where=alone > 0)
    correlation = rule.probability_weight * probability + (1 - rule.probability_weight) * cosine
    np.fill_diagonal(correlation, 1)
    lift = np.divide(probability * len(members), alone.T, out=np.zeros(counts.shape), where=alone.T > 0)
    likest = [
        (probability >= rule.threshold) | (cosine >= NAMES_ALIKE),
        (lift >= TOGETHER[0]) & (counts >= TOGETHER[1]),
    ]
    weights = [
        graph_weights(correlation, rule),
        *(reweighted(links, rule) for links in likest),
        graph_weights(correlation, replace(rule, reweight="none")),
    ]
    return Graph(counts, *(np.round(matrix, DIGITS) for matrix in (probability, cosine, correlation, *weights)))


def cooccurrence_counts(members: Sequence[Sequence[str]], genres: Sequence[str]) -> NDArray[np.int64]:
    """`[genres, genres]`, tracks with both genres."""
    places = {genre: place for place, genre in enumerate(genres)}
    labels = np.zeros((len(members), len(genres)), dtype=np.float64)
    for row, own in enumerate(members):
        labels[row, [places[genre] for genre in own if genre in places]] = 1
    return np.rint(labels.T @ labels).astype(np.int64)


def graph_weights(correlation: Matrix, rule: Correlation) -> Matrix:
    """Threshold, re-weight and normalise, as `rule` says.

    `none`: entries below the threshold become 0; D^-1/2 A D^-1/2 with D the row sums.
    `paper`: entries become 1 or 0 by the threshold; off the diagonal p / their row sum, on it 1 - p (Chen et al. 2019,
    equations 7 and 8); normalised likewise. A genre without neighbours keeps its whole weight.
    `repo`: entries become 1 or 0; off the diagonal p / their column sum, plus the identity; D^-1/2 A^T D^-1/2, as the
    published code of ML-GCN has it.
    """
    if rule.reweight == "none":
        return _normalised(np.where(correlation >= rule.threshold, correlation, 0))
    return reweighted(correlation >= rule.threshold, rule)


def reweighted(links: NDArray[np.bool_], rule: Correlation) -> Matrix:
    """Re-weight and normalise links between genres, `paper` or `repo` (see `graph_weights`)."""
    linked = links.astype(np.float64)
    np.fill_diagonal(linked, 0)
    if rule.reweight == "repo":
        return _normalised(linked * rule.p / (linked.sum(axis=0, keepdims=True) + EMPTY) + np.identity(len(linked))).T
    sums = linked.sum(axis=1, keepdims=True)
    spread = np.divide(linked * rule.p, sums, out=np.zeros(linked.shape), where=sums > 0)
    np.fill_diagonal(spread, np.where(sums[:, 0] > 0, 1 - rule.p, 1))
    return _normalised(spread)


def _normalised(matrix: Matrix) -> Matrix:
    sums = matrix.sum(axis=1)
    scale = np.divide(1, np.sqrt(sums), out=np.zeros(sums.shape), where=sums > 0)
    return scale[:, None] * matrix * scale[None, :]


def name_cosine(vectors: Matrix) -> Matrix:
    """Cosine of names after their mean was taken off, brought from -1..1 to 0..1; 1 on the diagonal.

    Without centring, cosines of BERT's name vectors are nearly all above 0.8. A name at the mean is at 0.5 to all.
    """
    if not len(vectors):
        return np.zeros((0, 0))
    centred = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, lengths, out=np.zeros(centred.shape), where=lengths > EMPTY)
    cosine = (np.clip(unit @ unit.T, -1, 1) + 1) / 2
    np.fill_diagonal(cosine, 1)
    return cosine


def ngram_vectors(names: Sequence[str]) -> Matrix:
    """`[names, 512]`: counts of hashed character n-grams, where no language model is at hand.

    They know that `indie rock` and `hard rock` share a word, and nothing of what words mean.
    """
    vectors = np.zeros((len(names), NGRAM_WIDTH))
    for row, name in enumerate(names):
        text = f" {name.casefold()} "
        for n in NGRAMS:
            for start in range(len(text) - n + 1):
                digest = blake2b(text[start : start + n].encode(), digest_size=4).digest()
                vectors[row, int.from_bytes(digest, "little") % NGRAM_WIDTH] += 1
    return vectors


def graph_rows(graph: Graph, genres: Sequence[str], labels: dict[str, object]) -> pl.DataFrame:
    """Rows of genre.correlation: one per ordered pair, with `labels` as further columns."""
    side = len(genres)
    return pl.DataFrame(
        {
            "genre_a": pl.Series([genre for genre in genres for _ in range(side)], dtype=pl.String),
            "genre_b": pl.Series(list(genres) * side, dtype=pl.String),
            **{name: matrix.ravel() for name, matrix in graph._asdict().items()},
        }
    ).with_columns(pl.lit(value).alias(name) for name, value in labels.items())
