"""Reconstruction losses (thesis Eq. 4.10 and 4.13), computed in float32."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

_IGNORED = -100


def audio_reconstruction_loss(prediction: Tensor, target: Tensor, reduction: str) -> Tensor:
    """Squared error of the masked patches of each clip, `[B]`.

    Args:
        prediction: `[B, M, 256]`.
        target: The same shape.
        reduction: `sum` over values and patches, the squared Frobenius norm of thesis Eq. 4.10; `mean`: CAV-MAE's.
    """
    squares = (prediction.float() - target).square().sum((1, 2))
    return squares if reduction == "sum" else squares / max(1, target[0].numel())


def lyrics_reconstruction_loss(logits: Tensor, tokens: Tensor, real: Tensor, reduction: str) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the masked real tokens, and what it is to be divided by, both summed over the batch.

    Args:
        logits: `[B, M, V]` at the masked slots.
        tokens: The words there, int64 [B, M].
        real: False where the slot is padding, which counts nothing, bool [B, M].
        reduction: `batch`: every token counts alike, and the count is that of the tokens; `song`: every song counts
            alike, with the mean over its tokens (thesis Eq. 4.13), and the count is that of the songs with any.

    Returns:
        Sum and count, float32 `[]`; the count may be 0.
    """
    targets = tokens.masked_fill(~real, _IGNORED).flatten()
    flat = logits.flatten(0, 1).float()
    if reduction == "batch":
        return F.cross_entropy(flat, targets, ignore_index=_IGNORED, reduction="sum"), real.sum().float()
    losses = F.cross_entropy(flat, targets, ignore_index=_IGNORED, reduction="none").view_as(tokens)
    words = real.sum(1)
    return (losses.sum(1) / words.clamp(min=1)).sum(), (words > 0).sum().float()


class PretrainOutput(NamedTuple):
    """Outputs that the pretraining losses are made of; None for what the settings or the modalities leave out.

    Attributes:
        audio_embedding: Mean of the audio stream's visible tokens, `[B, D]` (thesis Eq. 4.16), not normalised.
        text_embedding: Mean of the lyrics stream's visible real tokens, `[B, D]` (Eq. 4.17).
        audio_loss: Squared error of each clip's masked patches, `[B]` (Eq. 4.10).
        lyrics_loss_sum: Cross-entropy of the masked real tokens, summed over tokens or songs, `[]` (Eq. 4.13).
        lyrics_count: How many tokens or songs those are, float32 `[]`; may be 0.
    """

    audio_embedding: Tensor | None = None
    text_embedding: Tensor | None = None
    audio_loss: Tensor | None = None
    lyrics_loss_sum: Tensor | None = None
    lyrics_count: Tensor | None = None


class FilledWords(NamedTuple):
    """The masked slots of lyrics, and what the model would put there.

    Attributes:
        words: Most likely word of each, int64 [B, M].
        truth: The words there, int64 [B, M].
        real: False where the slot is padding, bool [B, M].
    """

    words: Tensor
    truth: Tensor
    real: Tensor


class Inpainting(NamedTuple):
    """A batch of spectrograms with their masked patches filled in.

    Attributes:
        patches: `[B, n, 256]`: predicted where masked, as given elsewhere.
        masked: bool `[B, n]`.
    """

    patches: Tensor
    masked: Tensor
