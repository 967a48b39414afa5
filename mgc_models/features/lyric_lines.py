"""Lyrics as lines of word numbers: what a hierarchical attention network reads."""

import numpy as np
from numpy.typing import NDArray

from mgc_models.features.word_vectors import PAD, WordVectors
from mgc_models.features.words import words


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
