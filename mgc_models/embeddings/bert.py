"""Word vectors from a BERT checkpoint (MGC_BERT): hidden states of a word's pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertModel

from mgc_models.embeddings.base import Embedded, mask_of
from mgc_models.errors import WeightsError
from mgc_models.execution.runtime import choose_device
from mgc_models.features.lyrics.tokens import SpecialIds, encode, load_tokenizer, special_ids
from mgc_models.models.bert import bert_encoder
from mgc_models.pretrained.hub import bert_folder, bert_sizes
from mgc_models.pretrained.load import load_pretrained


@torch.inference_mode()
def name_vectors(source: str, names: Sequence[str]) -> NDArray[np.float64]:
    """Mean over a name's tokens, without [CLS] and [SEP], of BERT's last layer.

    Args:
        source: Local folder or hub name of a BERT checkpoint (`MGC_BERT`).
        names: Genre names.

    Returns:
        `[names, hidden]`.

    Raises:
        WeightsError: if the checkpoint cannot be read.
        TokenizerError: if it has no tokenizer that can be read.
    """
    bert = load_bert(source)
    tokenizer = load_tokenizer(bert_folder(source))
    special = special_ids(tokenizer)
    vectors = np.zeros((len(names), bert.config.hidden_size))
    for row, name in enumerate(names):  # one by one: no padding, and a batch would change the last bits
        ids = encode(tokenizer, name, max_tokens=bert.config.max_position_embeddings - 2).tolist() or [special.unk]
        states = bert(input_ids=torch.tensor([[special.cls, *ids, special.sep]])).last_hidden_state
        vectors[row] = states[0, 1:-1].mean(dim=0).double().numpy()
    return vectors


def load_bert(source: str) -> BertModel:
    """A checkpoint in the sizes that it states, ready to be read from.

    Raises:
        WeightsError: if it cannot be read.
    """
    bert = bert_encoder(**bert_sizes(source))
    load_pretrained(nn.ModuleDict({"bert": bert}), {"bert": source})
    return bert.eval()


_MARKS = 2  # [CLS] and [SEP]


@dataclass(frozen=True, eq=False)
class BertEmbedder:
    """Reads the words of a song as one text, in parts where it is longer than BERT's positions.

    Attributes:
        bert: The network.
        tokenizer: Its own.
        special: Its [CLS], [SEP] and so on.
        kept: Indices of the hidden states that are kept; 0 is the embeddings.
        pooling: `first` piece of a word, or the `mean` of its pieces.
    """

    bert: BertModel
    tokenizer: Tokenizer
    special: SpecialIds
    kept: tuple[int, ...]
    pooling: str

    @property
    def layers(self) -> int:
        """Hidden states that are kept."""
        return len(self.kept)

    @property
    def dimension(self) -> int:
        """Width of a hidden state."""
        return int(self.bert.config.hidden_size)

    @torch.inference_mode()
    def embed(self, songs: Sequence[Sequence[str]]) -> Embedded:
        """Give vectors float32 `[B, T, layers, D]`, zero behind the last word, and the mask `[B, T]` of the words."""
        mask = mask_of(songs)
        vectors = np.zeros((*mask.shape, self.layers, self.dimension), np.float32)
        for row, song in zip(vectors, songs, strict=True):
            done = 0
            for pieces in self._parts(song):
                row[done : done + len(pieces)] = self._read(pieces).cpu().numpy()
                done += len(pieces)
        return vectors, mask

    def _parts(self, song: Sequence[str]) -> Iterator[list[list[int]]]:
        """Give the pieces of the words, as many words at a time as BERT can read."""
        room = self.bert.config.max_position_embeddings - _MARKS
        part: list[list[int]] = []
        for word in song:
            pieces = encode(self.tokenizer, word, room).tolist() or [self.special.unk]
            if sum(map(len, part)) + len(pieces) > room:
                yield part
                part = []
            part.append(pieces)
        if part:
            yield part

    def _read(self, words: list[list[int]]) -> Tensor:
        """Vectors `[T, layers, D]` of words."""
        ids = [self.special.cls, *(piece for word in words for piece in word), self.special.sep]
        given = torch.tensor([ids], device=self.bert.device)
        states = self.bert(input_ids=given, output_hidden_states=True).hidden_states
        kept = torch.stack([states[index][0] for index in self.kept], 1)
        firsts = list(accumulate((len(word) for word in words), initial=1))
        if self.pooling == "first":
            return kept[torch.tensor(firsts[:-1], device=kept.device)]
        return torch.stack([kept[start:end].mean(0) for start, end in pairwise(firsts)])


def open_bert(source: str, layers: Sequence[int], pooling: str, device: str) -> BertEmbedder:
    """Load a checkpoint and its tokenizer.

    Args:
        source: Local folder or hub name.
        layers: Indices of the hidden states to keep, negative from the last; empty: all.
        pooling: `first` or `mean`.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        WeightsError: if the checkpoint cannot be read or has no such layers, or there is no such pooling.
        TokenizerError: if its tokenizer cannot be read.
    """
    bert = load_bert(source)
    nn.Module.to(bert, choose_device(device))
    tokenizer = load_tokenizer(bert_folder(source))
    states = bert.config.num_hidden_layers + 1
    if pooling not in ("first", "mean") or not all(-states <= layer < states for layer in layers):
        raise WeightsError(
            f"[principal_vectors] bert_pooling = {pooling!r}, bert_layers = {list(layers)}: expected first or mean, "
            f"and layers from {-states} to {states - 1}"
        )
    kept = tuple(layer % states for layer in layers) or tuple(range(states))
    return BertEmbedder(bert, tokenizer, special_ids(tokenizer), kept, pooling)
