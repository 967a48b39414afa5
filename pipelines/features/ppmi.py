"""Word vectors counted from lyrics: positive pointwise mutual information of neighbours, reduced by an SVD.

Levy, Goldberg and Dagan, Improving Distributional Similarity with Lessons Learned from Word Embeddings, TACL 2015: PPMI
with a smoothed context distribution (section 3.2) and symmetric square roots of the singular values (section 3.3).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mgc_models.features.lyrics.text import words

_TOKENS_AT_A_TIME = 2_000_000


def cooccurrences(texts: Iterable[str], vocabulary: Mapping[str, int], window_words: int) -> sparse.csr_array:
    """Count neighbours: `[V, V]`, how often word j stands at most `window_words` from word i in the same line.

    Words outside the vocabulary keep their place between the others.
    """
    counts = sparse.csr_array((len(vocabulary), len(vocabulary)))
    for lines, ids in _batches(texts, vocabulary):
        for offset in range(1, window_words + 1):
            left, right = ids[:-offset], ids[offset:]
            kept = (lines[:-offset] == lines[offset:]) & (left >= 0) & (right >= 0)
            ones = np.ones(int(kept.sum()))
            counts += sparse.coo_array((ones, (left[kept], right[kept])), shape=counts.shape).tocsr()
    return (counts + counts.T).tocsr()


def _batches(
    texts: Iterable[str], vocabulary: Mapping[str, int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Give line number and word id (-1: none) of the words of many lines at a time."""
    line, lines, ids = 0, list[int](), list[int]()
    for text in texts:
        for content in text.splitlines():
            found = [vocabulary.get(word, -1) for word in words(content)]
            lines += [line] * len(found)
            ids += found
            line += 1
        if len(ids) >= _TOKENS_AT_A_TIME:
            yield np.asarray(lines), np.asarray(ids)
            lines, ids = [], []
    yield np.asarray(lines, np.int64), np.asarray(ids, np.int64)


def ppmi(counts: sparse.csr_array, context_power: float) -> sparse.csr_array:
    """max(0, log P(i, j) / (P(i) P(j)^a / sum P^a)) of counts `[V, V]`."""
    rows, columns = counts.nonzero()
    totals = np.asarray(counts.sum(axis=1)).ravel()
    contexts = totals**context_power
    share = counts.data * contexts.sum() / (totals[rows] * contexts[columns])
    result = sparse.csr_array((np.maximum(np.log(share), 0), (rows, columns)), shape=counts.shape)
    result.eliminate_zeros()
    return result


def svd_vectors(matrix: sparse.csr_array, dimensions: int, seed: int) -> NDArray[np.float32]:
    """U sqrt(S) of the first singular vectors, float32 `[V, dimensions]`, zeros where V is smaller.

    On one thread, so that the sums and with them the bits do not depend on the number of cores.
    """
    from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415 - costs a second where nothing is to do
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    rank = min(dimensions, matrix.shape[0])
    options: Mapping[str, Any] = {"n_iter": 4, "power_iteration_normalizer": "QR", "random_state": seed}
    with threadpool_limits(1):
        left, values, _ = randomized_svd(matrix, rank, **options)
    vectors = np.zeros((matrix.shape[0], dimensions), np.float32)
    vectors[:, :rank] = left * np.sqrt(values)
    return vectors
