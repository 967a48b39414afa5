"""Vectors of the words of a song behind one interface: counted from the corpus, from ELMo, or from BERT.

Only the networks need torch; it is imported where one is opened.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgc_models.embeddings.base import ContextualWordEmbedder, Embedded, mask_of
from mgc_models.embeddings.elmo_files import elmo_files, read_options
from mgc_models.features.lyrics.keywords import keywords
from mgc_models.features.lyrics.vocabulary import Vocabulary
from mgc_models.features.lyrics.word_vectors import WordVectors
from warehouse.store import file_sha256

BACKENDS = ("elmo", "bert", "static")  # in the order in which they are preferred


@dataclass(frozen=True)
class EmbedderOptions:
    """Options by which vectors are read off a network.

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
    songs = [keywords(text, counts, total, words_kept or None) for text in texts]
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
        from mgc_models.pretrained.hub import bert_sizes  # noqa: PLC0415 - loads the library of the hub

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
        from mgc_models.embeddings.elmo import open_elmo  # noqa: PLC0415 - torch and h5py

        return open_elmo(Path(source).expanduser(), options.device)
    if backend == "bert" and source:
        from mgc_models.embeddings.bert import open_bert  # noqa: PLC0415 - torch

        return open_bert(source, options.bert_layers, options.bert_pooling, options.device)
    return StaticEmbedder(vectors)


VARIABLES = {"elmo": "MGC_ELMO_DIR", "bert": "MGC_BERT"}
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")


def embedder_identity(backend: str, source: str) -> str:
    """SHA-256 over the files of a network: equal on every machine that has the same files.

    Args:
        backend: `elmo` or `bert`.
        source: The folder of MGC_ELMO_DIR, or the folder or hub name of MGC_BERT.

    Raises:
        WeightsError: if files are missing; the message names the variable.
    """
    hashes = [file_sha256(file) for file in _files(backend, source)]
    return hashlib.sha256(json.dumps([hashes], separators=(",", ":")).encode()).hexdigest()


def embedder_label(backend: str, identity: str) -> str:
    """Name the network in a feature's settings: its kind and the beginning of its identity."""
    return f"{backend}(sha256:{identity[:8]})" if identity else backend


def _files(backend: str, source: str) -> list[Path]:
    if backend == "elmo":
        return elmo_files(Path(source).expanduser())
    from mgc_models.pretrained.hub import bert_folder, weights_file  # noqa: PLC0415 - loads the library of the hub

    folder = bert_folder(source)
    there = [folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()]
    return [folder / "config.json", weights_file(folder), *there]
