"""The joint encoder of the thesis' model, and the streams that pass it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mgc_models.model_settings.jiang_mae import JiangMaeSettings
from mgc_models.models.jiang_mae_blocks import PreNormBlock, StreamNorm, segment
from mgc_models.models.output import masked_mean


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
