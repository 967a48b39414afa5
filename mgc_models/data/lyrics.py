"""Lyrics of all tracks, ready for the device: tokens to look up, lines of word indices, vectors of words."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mgc_models.data.features import FeatureView, Reader
from mgc_models.data.frames import FrameStore, frame_store
from mgc_models.errors import DataError
from mgc_models.features.lyrics.tokens import SpecialIds, load_tokenizer, special_ids
from mgc_models.features.lyrics.vocabulary import read_vocabulary
from mgc_models.features.lyrics.word_vectors import PAD
from warehouse.shards.writer import FeatureSpec

TOKENIZER_FILE = "tokenizer.json"
_REMEDY = "Delete the feature's folder and run the job again from its data part."


@dataclass(frozen=True, eq=False)
class TokenTable:
    """Token ids of all tracks.

    Attributes:
        spec: Name, dtype, width and settings of the stored feature.
        vocab_size: Of the tokenizer that made them.
        ids: [CLS] ids [SEP], then padding; on the device, int32 [N, L].
        lengths: Tokens before the padding, int64 [N].
    """

    spec: FeatureSpec
    vocab_size: int
    ids: Tensor
    lengths: Tensor

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """`tokens` int64 [B, L] and `token_mask` [B, L] (True: a token, False: padding) of some tracks."""
        positions = torch.arange(self.ids.shape[1], device=self.ids.device)
        return {"tokens": self.ids[rows].long(), "token_mask": positions < self.lengths[rows, None]}


@dataclass(frozen=True, eq=False)
class WordTable:
    """Lines of word indices of all tracks.

    Attributes:
        spec: Name, dtype, width and settings of the stored feature.
        indices: 0 padding, 1 unknown, 2 + place in the vocabulary; on the device, int32 [N, lines, words_per_line].
        has_lyrics: Whether a track has a word, [N], on the device.
        table: Vectors of the words, float32 [2 + V, D], on the CPU.
    """

    spec: FeatureSpec
    indices: Tensor
    has_lyrics: Tensor
    table: Tensor

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """`words` int64 [B, lines, words_per_line] and `has_lyrics` [B] of some tracks."""
        return {"words": self.indices[rows].long(), "has_lyrics": self.has_lyrics[rows]}


@dataclass(frozen=True, eq=False)
class WordVectorTable:
    """Vectors of the principal words of all tracks.

    Attributes:
        frames: One flat vector per word, [words, layers * dimension].
        layers: Layers of a vector.
        dimension: Width of a layer.
        lengths: Words of each track, at most `max_words`; on the device, int64 [N].
        max_words: Words in a batch, L.
    """

    frames: FrameStore
    layers: int
    dimension: int
    lengths: Tensor
    max_words: int

    @property
    def spec(self) -> FeatureSpec:
        """Specification of the vectors."""
        return self.frames.spec

    @property
    def has_lyrics(self) -> Tensor:
        """Whether a track has a word, [N], on the device."""
        return self.lengths > 0

    def batch(self, rows: Tensor) -> dict[str, Tensor]:
        """`word_mask` [B, L] (True: a word) and `has_lyrics` [B] of some tracks; the vectors come from the shards."""
        positions = torch.arange(self.max_words, device=rows.device)
        return {"word_mask": positions < self.lengths[rows, None], "has_lyrics": self.has_lyrics[rows]}


def token_table(stored: FeatureView, max_tokens: int, device: torch.device) -> TokenTable:
    """Read the tokens of all tracks as [CLS] + the first `max_tokens` - 2 ids + [SEP] + padding.

    Raises:
        DataError: if the tokenizer beside the feature is another than it was made with, or an id is out of its range.
        TokenizerError: if that tokenizer is missing or cannot be read.
    """
    special, vocab_size = _tokenizer(stored.readers[0])
    lengths = np.minimum(stored.lengths, max_tokens - 2)
    ids = np.full((len(lengths), max_tokens), special.pad, dtype=np.int32)
    ids[:, 0] = special.cls
    for row, length in enumerate(lengths.tolist()):
        ids[row, 1 : length + 1] = stored.read(row, 0, length).reshape(-1)
        ids[row, length + 1] = special.sep
    if ids.size and (ids.min() < 0 or ids.max() >= vocab_size):
        raise DataError(
            f"feature {stored.spec.name}: expected ids from 0 to {vocab_size - 1}, found {ids.min()} to {ids.max()}. "
            + _REMEDY
        )
    return TokenTable(
        spec=stored.spec,
        vocab_size=vocab_size,
        ids=torch.from_numpy(ids).to(device),
        lengths=torch.from_numpy(lengths + 2).to(device),
    )


def _tokenizer(reader: Reader) -> tuple[SpecialIds, int]:
    """Special ids and size of the vocabulary that the tokens were made with."""
    spec, path = reader.spec, reader.folder / TOKENIZER_FILE
    if spec.dtype != "int32" or spec.width != 1:
        raise DataError(f"feature {spec.name}: expected int32 of width 1, found {spec.dtype} of width {spec.width}")
    tokenizer = load_tokenizer(path)
    expected, found = spec.settings.get("tokenizer_sha256"), hashlib.sha256(path.read_bytes()).hexdigest()
    if expected != found:
        raise DataError(
            f"{path}: expected the tokenizer of the stored tokens, SHA-256 {expected}, found {found}. {_REMEDY}"
        )
    return special_ids(tokenizer), tokenizer.get_vocab_size()


def word_table(stored: FeatureView, lines: int, words_per_line: int, device: torch.device) -> WordTable:
    """Read the first words of the first lines of all tracks; a track that the feature lacks has none.

    Raises:
        DataError: if the feature does not go with the vocabulary beside it.
    """
    if stored.spec.dtype != "int32":
        raise DataError(f"feature {stored.spec.name}: expected int32 word indices, found {stored.spec.dtype}")
    table = torch.from_numpy(read_vocabulary(stored.readers[0].folder, stored.spec).word_vectors.matrix)
    width = min(words_per_line, stored.spec.width)
    indices = np.zeros((len(stored.lengths), lines, words_per_line), dtype=np.int32)
    for row, length in enumerate(np.minimum(stored.lengths, lines).tolist()):
        if length:
            indices[row, :length, :width] = stored.read(row, 0, length)[:, :width]
    if indices.size and (indices.min() < 0 or indices.max() >= len(table)):
        raise DataError(
            f"feature {stored.spec.name}: expected word indices from 0 to {len(table) - 1}, found {indices.min()} to "
            f"{indices.max()}. {_REMEDY}"
        )
    has_lyrics = torch.from_numpy((indices != PAD).any(axis=(1, 2)))
    return WordTable(stored.spec, torch.from_numpy(indices).to(device), has_lyrics.to(device), table)


def word_vector_table(
    stored: FeatureView, max_words: int, device: torch.device, resident: bool | None = None
) -> WordVectorTable:
    """Open the vectors of the first words of all tracks; a track that the feature lacks has none.

    Raises:
        DataError: if the feature does not say how its vectors are laid out, or is not float16.
    """
    settings = stored.spec.settings
    layers, dimension = settings.get("layers"), settings.get("dimension")
    if not isinstance(layers, int) or not isinstance(dimension, int) or layers * dimension != stored.spec.width:
        raise DataError(
            f"feature {stored.spec.name}: expected layers * dimension = {stored.spec.width} in its settings, found "
            f"layers {layers} and dimension {dimension}. {_REMEDY}"
        )
    lengths = torch.from_numpy(np.minimum(stored.lengths, max_words)).to(device)
    return WordVectorTable(frame_store(stored, device, resident), layers, dimension, lengths, max_words)
