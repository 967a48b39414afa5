"""The output that every model returns, and the checks of its inputs."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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


def run_packed(rnn: nn.GRU | nn.LSTM, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Run a `batch_first` layer on the inputs `[R, T, D]` where `mask [R, T]` is true, as if the others were not there.

    Returns:
        States `[R, T, H]`, what is there moved to the front in its order; where each came from, int64 `[R, T]`; and the
        number of those that are there, `[R]`. States behind them are undefined.
    """
    order = torch.argsort(~mask, dim=1, stable=True)
    lengths = mask.sum(1)
    front = inputs.gather(1, order.unsqueeze(-1).expand_as(inputs))
    # A sequence of nothing runs over one position, whose state nobody uses: packing knows no empty sequence.
    packed = pack_padded_sequence(front, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=mask.shape[1])
    return states, order, lengths


def positions_below(lengths: Tensor, count: int) -> Tensor:
    """Mask `[R, count]`: true at the first `lengths[r]` positions of row r."""
    return torch.arange(count, device=lengths.device) < lengths[:, None]
