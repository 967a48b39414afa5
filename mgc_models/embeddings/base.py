"""."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Embedded = tuple[NDArray[np.float32], NDArray[np.bool_]]


class ContextualWordEmbedder(Protocol):
    """Gives every word of a song its vectors."""

    @property
    def layers(self) -> int:
        """Vectors of each word: one per layer of the network."""

    @property
    def dimension(self) -> int:
        """Width D of a vector."""

    def embed(self, songs: Sequence[Sequence[str]]) -> Embedded:
        """Give vectors float32 `[B, T, layers, D]`, zero behind the last word, and the mask `[B, T]` of the words."""


def mask_of(songs: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Give a mask `[B, T]` that is true where songs have words."""
    lengths = np.array([len(song) for song in songs], np.int64)
    mask: NDArray[np.bool_] = np.arange(lengths.max(initial=0)) < lengths[:, None]
    return mask
