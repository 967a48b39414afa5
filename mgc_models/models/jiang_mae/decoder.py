"""The joint decoder: predicts masked patches and masked words from what both encoders saw (thesis Eq. 4.7 to 4.9)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mgc_models.config.models import JiangMaeSettings
from mgc_models.models.jiang_mae.masking import PATCH_VALUES, MaskedModality
from mgc_models.models.jiang_mae.transformer import PreNormBlock, grid_positions, segment, sine_table


class Decoder(nn.Module):
    """D_j and its heads.

    Attention does not know the order of its tokens, so masked ones simply follow the visible ones, each with the
    position of its slot: nothing is put back into order, and the heads read one slice.

    Attributes:
        heads: `audio`: to the 256 values of a patch; `lyrics`: to the vocabulary, not tied to the word embeddings.
    """

    positions: Tensor

    def __init__(self, settings: JiangMaeSettings, vocab_size: int) -> None:
        super().__init__()
        width = settings.decoder_hidden
        intermediate = max(1, width * settings.intermediate // settings.hidden)
        outputs = {"audio": PATCH_VALUES, "lyrics": vocab_size}
        self.embed = nn.Linear(settings.hidden, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.modality = nn.ParameterDict({name: torch.zeros(1, 1, width) for name in settings.modalities})
        self.blocks = nn.ModuleList(
            PreNormBlock(width, settings.decoder_heads, intermediate, ("joint",))
            for _ in range(settings.decoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict({name: nn.Linear(width, outputs[name]) for name in settings.modalities})
        self.register_buffer("positions", sine_table(width // 2), persistent=False)

    def forward(self, visible: Tensor, parts: Sequence[MaskedModality]) -> list[Tensor]:
        """Decode the masked slots.

        Args:
            visible: What the joint encoder gives for the kept slots of all parts, part after part, `[B, S, D]`.
            parts: What is masked, in the same order.

        Returns:
            For each part, `[B, M, decoder_hidden]` at its masked slots, to be read by its head.
        """
        seen = self.embed(visible) + torch.cat([self._marks(part, part.kept) for part in parts], 1)
        hidden = self.mask_token + torch.cat([self._marks(part, part.masked) for part in parts], 1)
        tokens = torch.cat((seen, hidden), 1)
        rows, segments = tokens.flatten(0, 1), [segment("joint", tokens, _valid(parts))]
        for block in self.blocks:
            rows = block(rows, segments)
        masked = rows.view_as(tokens)[:, visible.shape[1] :]
        return list(self.norm(masked).split([part.masked.shape[1] for part in parts], 1))

    def _marks(self, part: MaskedModality, slots: Tensor) -> Tensor:
        return grid_positions(self.positions, slots, part.columns) + self.modality[part.modality]


def _valid(parts: Sequence[MaskedModality]) -> Tensor | None:
    """Give a mask `[B, S]` of the decoder's tokens that are no padding; None: all."""
    if all(part.kept_real is None for part in parts):
        return None
    kept = [_or_true(part.kept_real, part.kept) for part in parts]
    return torch.cat(kept + [_or_true(part.masked_real, part.masked) for part in parts], 1)


def _or_true(real: Tensor | None, slots: Tensor) -> Tensor:
    return torch.ones_like(slots, dtype=torch.bool) if real is None else real
