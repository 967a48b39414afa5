"""What models with an optional lyrics branch share."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mgc_models.errors import ModelError

MODALITIES = ("audio", "lyrics")


def checked_modalities(modalities: Sequence[str]) -> tuple[str, ...]:
    """The modalities of a model.

    Raises:
        ModelError: if there is none, or one is named twice.
    """
    if not modalities or len(set(modalities)) < len(modalities):
        raise ModelError(f"model.modalities = {list(modalities)}: expected one or both of {', '.join(MODALITIES)}")
    return tuple(modalities)


class LyricsOrNone(nn.Module):
    """A learned vector in place of the lyrics of tracks that have none."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.none = nn.Parameter(torch.zeros(width))

    def forward(self, lyrics: Tensor, has_lyrics: Tensor) -> Tensor:
        """Choose row by row between the lyrics `[B, width]` and the learned vector, by `has_lyrics [B]`."""
        return torch.where(has_lyrics[:, None], lyrics, self.none.to(lyrics.dtype))
