"""Vectors of the words of a song behind one interface: counted from the corpus, from ELMo, or from BERT.

Only the networks need torch; it is imported where one is opened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mgc_models.features.elmo_files import elmo_files, read_options
from mgc_models.features.principal_words import principal_words
from mgc_models.features.vocabulary import Vocabulary
from mgc_models.features.word_vectors import WordVectors

BACKENDS = ("elmo", "bert", "static")  # in the order in which they are preferred
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


@dataclass(frozen=True)
class EmbedderOptions:
    """How a network is read.

    Attributes:
        bert_layers: Hidden states that are kept, as indices into the embeddings and all layers; empty: all.
        bert_pooling: `first` word piece of a word, or the `mean` of its pieces.
        device: `auto`, `cpu` or `cuda`.
    """

    bert_layers: tuple[int, ...] = ()
    bert_pooling: str = "first"
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class StaticEmbedder:
    """A word has the same vector in every song: one layer."""

    vectors: WordVectors

    @property
    def layers(self) -> int:
        """One."""
        return 1

    @property
    def dimension(self) -> int:
        """Width of a vector."""
        return int(self.vectors.matrix.shape[1])

    def embed(self, songs: Sequence[Sequence[str]]) -> Embedded:
        """Look the words up."""
        mask = mask_of(songs)
        rows = np.zeros(mask.shape, np.int64)
        for row, song in zip(rows, songs, strict=True):
            row[: len(song)] = self.vectors.rows(song)
        return self.vectors.matrix[rows][:, :, None], mask


def mask_of(songs: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Where the words of songs are, `[B, T]`."""
    lengths = np.array([len(song) for song in songs], np.int64)
    mask: NDArray[np.bool_] = np.arange(lengths.max(initial=0)) < lengths[:, None]
    return mask


def lyric_vectors(
    texts: Sequence[str], vocabulary: Vocabulary, embedder: ContextualWordEmbedder, words_kept: int
) -> list[NDArray[np.float16]]:
    """Vectors of the principal words of some lyrics, as they are stored.

    Args:
        texts: Lyrics.
        vocabulary: Chooses the words.
        embedder: Gives the vectors.
        words_kept: Of each text, by tf-idf; 0: every word.

    Returns:
        For each text float16 `[words, layers * D]`.
    """
    counts, total = vocabulary.document_counts, vocabulary.total
    songs = [principal_words(text, counts, total, words_kept or None) for text in texts]
    vectors, _ = embedder.embed(songs)
    width = embedder.layers * embedder.dimension
    return [
        found[: len(song)].reshape(len(song), width).astype(np.float16)
        for song, found in zip(songs, vectors, strict=True)
    ]


def embedder_shape(backend: str, source: str | None, vectors: WordVectors, options: EmbedderOptions) -> tuple[int, int]:
    """Layers and dimension of a backend, from its small files alone; arguments and errors as `open_embedder`."""
    if backend == "elmo" and source:
        elmo = read_options(elmo_files(Path(source).expanduser())[0])
        return elmo.layers, elmo.dimension
    if backend == "bert" and source:
        from mgc_models.hub import bert_sizes  # noqa: PLC0415 - loads the library of the hub

        config = bert_sizes(source)
        return len(options.bert_layers) or config["layers"] + 1, config["hidden"]
    return 1, int(vectors.matrix.shape[1])


def open_embedder(
    backend: str, source: str | None, vectors: WordVectors, options: EmbedderOptions
) -> ContextualWordEmbedder:
    """Open a backend.

    Args:
        backend: One of `BACKENDS`.
        source: `elmo`: the folder of MGC_ELMO_DIR; `bert`: folder or hub name of MGC_BERT; `static` reads none.
        vectors: Of a vocabulary; only `static` reads them.
        options: How a network is read.

    Raises:
        WeightsError: if files are missing or do not fit; the message names the variable.
        TokenizerError: if a BERT checkpoint has no tokenizer that can be read.
    """
    if backend == "elmo" and source:
        from mgc_models.features.elmo_words import open_elmo  # noqa: PLC0415 - torch and h5py

        return open_elmo(Path(source).expanduser(), options.device)
    if backend == "bert" and source:
        from mgc_models.features.bert_words import open_bert  # noqa: PLC0415 - torch

        return open_bert(source, options.bert_layers, options.bert_pooling, options.device)
    return StaticEmbedder(vectors)
