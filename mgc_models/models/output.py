"""What every model returns, and the checks of what it is given."""

from typing import NamedTuple

from torch import Tensor

from mgc_models.errors import ModelError


class ModelOutput(NamedTuple):
    """Result of a forward pass.

    Attributes:
        logits: `[B, C]`, before the sigmoid.
        audio_embedding: `[B, D]` pooled audio before any fusion, not normalised; None for a model without audio.
        text_embedding: `[B, D]` pooled lyrics before any fusion, not normalised; None for a model without lyrics.
        emotion: `[B, 2]` valence and energy; None for a model that does not regress them.
    """

    logits: Tensor
    audio_embedding: Tensor | None = None
    text_embedding: Tensor | None = None
    emotion: Tensor | None = None


def required_audio(audio: Tensor | None, smallest: int) -> Tensor:
    """The spectrogram `[B, T, bands]`, when both of its sides reach `smallest`.

    Raises:
        ModelError: if there is none or it is too small.
    """
    if audio is None:
        raise ModelError("this model reads audio, and the batch has none; expected a spectrogram [B, T, bands]")
    if audio.ndim != 3 or min(audio.shape[1:]) < smallest:
        raise ModelError(
            f"spectrogram {list(audio.shape)}: expected [B, T, bands] with T and bands at least {smallest}"
        )
    return audio


def required_text(tokens: Tensor | None, token_mask: Tensor | None, longest: int) -> tuple[Tensor, Tensor]:
    """Tokens and mask `[B, L]`, when L is at most `longest`.

    Raises:
        ModelError: if one is missing, the shapes differ, or the sequence is too long.
    """
    if tokens is None or token_mask is None:
        raise ModelError("this model reads lyrics, and the batch has none; expected tokens and token_mask [B, L]")
    if tokens.shape != token_mask.shape or tokens.ndim != 2 or not 0 < tokens.shape[1] <= longest:
        raise ModelError(
            f"tokens {list(tokens.shape)} and token_mask {list(token_mask.shape)}: "
            f"expected the same [B, L] with L from 1 to {longest}"
        )
    return tokens, token_mask


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Mean of `[B, L, D]` over the positions where `mask [B, L]` is true: `[B, D]`; zero where there is none."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
