"""The encoders of the thesis' model for each modality."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mgc_models.config.models import JiangMaeSettings
from mgc_models.models.common import masked_mean
from mgc_models.models.jiang_mae.masking import PATCH_VALUES
from mgc_models.models.jiang_mae.transformer import (
    BERT_NORM_EPS,
    PostNormBlock,
    PreNormBlock,
    StreamNorm,
    grid_positions,
    segment,
    sine_table,
)

BERT_POSITIONS = 512


class AudioEncoder(nn.Module):
    """E_a: patches, positions and modality embedding through pre-norm layers (thesis Eq. 4.1, 4.2, 4.4)."""

    positions: Tensor

    def __init__(self, settings: JiangMaeSettings) -> None:
        super().__init__()
        self.embed = nn.Linear(PATCH_VALUES, settings.hidden)
        self.modality = nn.Parameter(torch.zeros(1, 1, settings.hidden))
        self.blocks = nn.ModuleList(
            PreNormBlock(settings.hidden, settings.heads, settings.intermediate, ("audio",))
            for _ in range(settings.encoder_layers)
        )
        self.register_buffer("positions", sine_table(settings.hidden // 2), persistent=False)

    def forward(self, patches: Tensor, slots: Tensor, columns: int) -> Tensor:
        """Encode patches `[B, K, 256]` that lie in `slots` ([B, K] or [K]) of the grid: `[B, K, D]`."""
        tokens = self.embed(patches) + grid_positions(self.positions, slots, columns) + self.modality
        rows, segments = tokens.flatten(0, 1), [segment("audio", tokens, None)]
        for block in self.blocks:
            rows = block(rows, segments)
        return rows.view_as(tokens)


class LyricsEncoder(nn.Module):
    """E_t: word embeddings, positions and modality embedding through layers of BERT (thesis Eq. 4.3, 4.5)."""

    positions: Tensor

    def __init__(self, settings: JiangMaeSettings, vocab_size: int) -> None:
        super().__init__()
        width = settings.hidden
        self.words = nn.Embedding(vocab_size, width)
        self.modality = nn.Parameter(torch.zeros(1, 1, width))
        self.learned_positions = (
            nn.Embedding(BERT_POSITIONS, width) if settings.text_position == "bert_learned" else None
        )
        self.token_type = nn.Parameter(torch.zeros(width)) if settings.bert_embedding_norm else None
        self.embedding_norm = nn.LayerNorm(width, eps=BERT_NORM_EPS) if settings.bert_embedding_norm else None
        self.blocks = nn.ModuleList(
            PostNormBlock(width, settings.heads, settings.intermediate, settings.lyrics_dropout)
            for _ in range(settings.encoder_layers)
        )
        self.word_scale = width**0.5 if settings.text_scale == "words" else 1.0
        self.position_scale = width**-0.5 if settings.text_scale == "positions" else 1.0
        self.register_buffer("positions", sine_table(width // 2), persistent=False)

    def forward(self, tokens: Tensor, slots: Tensor, columns: int, real: Tensor) -> Tensor:
        """Encode token ids `[B, K]` that lie in `slots` ([B, K] or [K]) of `columns`, `real [B, K]` of them no padding.

        Returns:
            `[B, K, D]`; what it holds for padding depends on padding and must not be read.
        """
        embedded = self._embedded(tokens, slots, columns) + self.modality
        rows, segments = embedded.flatten(0, 1), [segment("lyrics", embedded, real)]
        for block in self.blocks:
            rows = block(rows, segments)
        return rows.view_as(embedded)

    def _embedded(self, tokens: Tensor, slots: Tensor, columns: int) -> Tensor:
        words = self.words(tokens) * self.word_scale
        if self.learned_positions is not None:
            words = words + self.learned_positions(slots)
        else:
            words = words + grid_positions(self.positions, slots, columns) * self.position_scale
        return words if self.embedding_norm is None else self.embedding_norm(words + self.token_type)


class Stream(NamedTuple):
    """Tokens on their way through the joint encoder.

    Attributes:
        name: `joint`, `audio` or `lyrics`: whose norms it takes.
        tokens: `[B, S, D]`.
        valid: False for padding, bool [B, S]; None: no padding.
    """

    name: str
    tokens: Tensor
    valid: Tensor | None


class JointEncoder(nn.Module):
    """E_j: layers that all streams share except for their norms (thesis Eq. 4.6, 4.16, 4.17).

    Each stream passes all layers by itself, so that any depth is right; the multiplications of all streams are one.
    """

    def __init__(self, settings: JiangMaeSettings) -> None:
        super().__init__()
        streams = ("joint", *settings.modalities) if len(settings.modalities) > 1 else settings.modalities
        self.blocks = nn.ModuleList(
            PreNormBlock(settings.hidden, settings.heads, settings.intermediate, streams)
            for _ in range(settings.joint_layers)
        )
        self.norm = StreamNorm(settings.hidden, streams)

    def forward(self, streams: Sequence[Stream]) -> list[Tensor]:
        """Encode each stream: `[B, S, D]` for each."""
        rows = torch.cat([stream.tokens.flatten(0, 1) for stream in streams])
        segments = [segment(*stream) for stream in streams]
        for block in self.blocks:
            rows = block(rows, segments)
        parts = self.norm(rows, segments).split([part.batch * part.length for part in segments])
        return [part.view_as(stream.tokens) for part, stream in zip(parts, streams, strict=True)]


def joined(streams: Sequence[Stream]) -> Stream:
    """All tokens of a pair as one stream; the only stream as it is."""
    if len(streams) == 1:
        return streams[0]
    masks = [
        torch.ones(one.tokens.shape[:2], dtype=torch.bool, device=one.tokens.device) if one.valid is None else one.valid
        for one in streams
    ]
    return Stream("joint", torch.cat([one.tokens for one in streams], 1), torch.cat(masks, 1))


def pooled(states: Tensor, valid: Tensor | None) -> Tensor:
    """Mean over the tokens that are no padding, `[B, D]`; zero where there is none."""
    return states.mean(1) if valid is None else masked_mean(states, valid)
