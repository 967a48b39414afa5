"""Transformer layers over one or more streams of tokens that share their matrices.

Tokens of all streams lie in one matrix of rows `[rows, D]`, stream after stream, so that whatever the streams share is
one multiplication; norms and attention are applied stream by stream.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BERT_NORM_EPS = 1e-12


class Segment(NamedTuple):
    """Rows of one stream.

    Attributes:
        stream: Name of its norms.
        batch: Sequences B.
        length: Tokens S of each; the stream has B * S rows.
        mask: True for keys that may be attended to, bool [B, 1, 1, S]; None: all.
    """

    stream: str
    batch: int
    length: int
    mask: Tensor | None


def segment(stream: str, tokens: Tensor, valid: Tensor | None) -> Segment:
    """The segment of tokens `[B, S, D]`, of which only those where `valid [B, S]` is true are attended to.

    A sequence without any valid token attends to all of its own, which gives numbers that nothing may read, not NaN.
    """
    mask = None if valid is None else (valid | ~valid.any(1, keepdim=True))[:, None, None, :]
    return Segment(stream, tokens.shape[0], tokens.shape[1], mask)


class Attention(nn.Module):
    """Multi-head self-attention within each segment, with one matrix for queries, keys and values as in ViT."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, rows: Tensor, segments: Sequence[Segment]) -> Tensor:
        """Mix the rows `[rows, D]` of each sequence."""
        parts = self.qkv(rows).split([part.batch * part.length for part in segments])
        return self.out(_joined([self._attend(qkv, part) for qkv, part in zip(parts, segments, strict=True)]))

    def _attend(self, qkv: Tensor, part: Segment) -> Tensor:
        query, key, value = qkv.view(part.batch, part.length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=part.mask, dropout_p=dropout)
        return mixed.transpose(1, 2).reshape(part.batch * part.length, -1)


class FeedForward(nn.Module):
    """Two linear layers with an (exact) GELU between, on rows `[rows, D]`."""

    def __init__(self, width: int, intermediate: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, intermediate)
        self.fc2 = nn.Linear(intermediate, width)

    def forward(self, rows: Tensor) -> Tensor:
        """Apply to each row by itself."""
        return self.fc2(F.gelu(self.fc1(rows)))


class PreNormBlock(nn.Module):
    """Layer of ViT and CAV-MAE: norms before attention and feed-forward, a set of them for each stream."""

    def __init__(self, width: int, heads: int, intermediate: int, streams: Sequence[str]) -> None:
        super().__init__()
        self.norm1 = StreamNorm(width, streams)
        self.attention = Attention(width, heads)
        self.norm2 = StreamNorm(width, streams)
        self.mlp = FeedForward(width, intermediate)

    def forward(self, rows: Tensor, segments: Sequence[Segment]) -> Tensor:
        """Apply to the rows `[rows, D]` of all segments."""
        rows = rows + self.attention(self.norm1(rows, segments), segments)
        return rows + self.mlp(self.norm2(rows, segments))


class PostNormBlock(nn.Module):
    """Layer of BERT: norms after the sums."""

    def __init__(self, width: int, heads: int, intermediate: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.norm1 = nn.LayerNorm(width, eps=BERT_NORM_EPS)
        self.mlp = FeedForward(width, intermediate)
        self.norm2 = nn.LayerNorm(width, eps=BERT_NORM_EPS)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, segments: Sequence[Segment]) -> Tensor:
        """Apply to the rows `[rows, D]` of all segments."""
        rows = self.norm1(rows + self.dropout(self.attention(rows, segments)))
        return self.norm2(rows + self.dropout(self.mlp(rows)))


class StreamNorm(nn.ModuleDict):
    """Layer norms, one for each stream by name."""

    def __init__(self, width: int, streams: Sequence[str]) -> None:
        super().__init__({stream: nn.LayerNorm(width) for stream in streams})

    def forward(self, rows: Tensor, segments: Sequence[Segment]) -> Tensor:
        """Normalise the rows `[rows, D]` of each segment by its stream's norm."""
        parts = rows.split([part.batch * part.length for part in segments])
        return _joined([self[part.stream](own) for own, part in zip(parts, segments, strict=True)])


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


MAX_POSITIONS = 1024  # patches along time, or tokens: 164 s of audio


def sine_table(channels: int, length: int = MAX_POSITIONS) -> Tensor:
    """Encodings of the whole numbers below `length`: first the sines, then the cosines, `[length, channels]`.

    Args:
        channels: Even; frequency k of `channels / 2` is 10000 to the power of -2k / channels.
        length: How many.
    """
    half = channels // 2
    frequencies = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=1).float()


def grid_positions(table: Tensor, slots: Tensor, columns: int) -> Tensor:
    """Positions of cells of a grid: half of the channels from the column (time), half from the row (frequency).

    Any grid is a pair of look-ups in one table, so a new length needs nothing recomputed. Lyrics are a grid of one row.

    Args:
        table: Of `sine_table(hidden / 2)`.
        slots: Numbers of the cells, row by row, int64 `[...]`.
        columns: Of the grid; at most the table's length.

    Returns:
        `[..., hidden]`.
    """
    return torch.cat((table[slots % columns], table[slots // columns]), dim=-1)
