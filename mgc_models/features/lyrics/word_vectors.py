"""The word vectors that a model starts from, as a matrix, and the rows of it that the words of lyrics have."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mgc_models.features.lyrics.text import words

PAD, UNKNOWN = 0, 1  # rows of the matrix before those of the words
RANDOM_LIMIT = 0.25  # uniform in ±0.25, the usual range beside word2vec (Kim 2014)


@dataclass(frozen=True, eq=False)
class WordVectors:
    """A vocabulary and its vectors.

    Attributes:
        words: Most frequent first; the vector of `words[i]` is row i + 2.
        matrix: float32 `[2 + V, D]`: zeros for padding, the vector of all unknown words, then the words'.
    """

    words: tuple[str, ...]
    matrix: NDArray[np.float32]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words, start=UNKNOWN + 1)}

    def rows(self, words: Sequence[str]) -> NDArray[np.int32]:
        """Rows int32 `[N]` of words as `mgc_models.features.lyrics.text.words` gives them; unknown ones have row 1."""
        return np.asarray([self._rows.get(word, UNKNOWN) for word in words], np.int32)


def with_head(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the rows of padding and of unknown words before the vectors `[V, D]` of the words: `[V + 2, D]`."""
    head = np.stack([np.zeros(vectors.shape[1], np.float32), random_vector("", vectors.shape[1])])
    return np.concatenate([head, vectors])


def random_vector(word: str, dimensions: int) -> NDArray[np.float32]:
    """Vector float32 `[dimensions]`, uniform in ±0.25, that follows from the word alone."""
    numbers = np.frombuffer(hashlib.shake_256(word.encode()).digest(4 * dimensions), "<u4")
    return ((numbers / 2**31 - 1) * RANDOM_LIMIT).astype(np.float32)


def line_rows(lyrics: str, vocabulary: WordVectors, lines: int, words_per_line: int) -> NDArray[np.int32]:
    """Number the words of lyrics line by line.

    Args:
        lyrics: Text with one line of the song per line.
        vocabulary: Whose rows are meant.
        lines: Lines that are kept, from the first on; lines without words do not count.
        words_per_line: Words that are kept of a line, from the first on.

    Returns:
        Rows of the word table, int32 `[at most lines, words_per_line]`: 0 padding, 1 unknown, then the vocabulary's.
    """
    found = [spoken for line in lyrics.splitlines() if (spoken := words(line))][:lines]
    rows = np.full((len(found), words_per_line), PAD, np.int32)
    for row, spoken in zip(rows, found, strict=True):
        kept = spoken[:words_per_line]
        row[: len(kept)] = vocabulary.rows(kept)
    return rows
