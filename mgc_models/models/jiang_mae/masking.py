"""Chooses the patches and tokens that stay visible in pretraining (thesis Eq. 4.2, 4.3): fixed counts, drawn by noise.

Every count follows from shapes alone, so that nothing waits for the device and a compiled graph fits every batch.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from mgc_models.errors import ModelError

_LAST = 2.0  # above any uniform noise


class MaskedModality(NamedTuple):
    """One modality of a masked batch.

    Attributes:
        modality: `audio` or `lyrics`.
        columns: Of the grid that the slots number.
        kept: Slots that the encoder sees, int64 [B, K].
        masked: The other slots, int64 [B, M].
        kept_real: False where a kept slot is padding, bool [B, K]; None where there is no padding.
        masked_real: The same for masked slots, bool [B, M].
    """

    modality: str
    columns: int
    kept: Tensor
    masked: Tensor
    kept_real: Tensor | None = None
    masked_real: Tensor | None = None


def mask_audio(noise: Tensor, ratio: float, columns: int) -> MaskedModality:
    """Keep the patches of smallest noise `[B, n]`, `int(n * (1 - ratio))` of them, as CAV-MAE."""
    return MaskedModality("audio", columns, *_split(noise, ratio))


def mask_lyrics(noise: Tensor, real: Tensor, ratio: float, among: str) -> MaskedModality:
    """Keep `int(L * (1 - ratio))` slots of lyrics, padding among them.

    A song keeps at least one real token, the one of smallest noise, if it has any.

    Args:
        noise: Uniform numbers, [B, L].
        real: True for tokens, false for padding, bool [B, L].
        ratio: Share that is masked.
        among: `slots`: the slots of smallest noise are kept, whether padding or not. `tokens`: of a song's n real
            tokens the `int(n * (1 - ratio))` of smallest noise are kept, and padding fills the other kept slots.
    """
    by_token = noise.masked_fill(~real, _LAST)
    if among == "slots":
        slots = torch.arange(noise.shape[1], device=noise.device)
        order = noise.masked_fill(real & (slots == by_token.argmin(1, keepdim=True)), -1.0)
    else:
        rank = by_token.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        quota = (real.sum(1, keepdim=True).double() * (1 - ratio)).floor().clamp(min=1)
        # Kept tokens, then padding, then masked tokens: padding always suffices to fill the kept slots.
        order = (real & (rank >= quota)).long() * 2 + (~real).long()
    kept, masked = _split(order, ratio)
    return MaskedModality("lyrics", noise.shape[1], kept, masked, real.gather(1, kept), real.gather(1, masked))


def _split(order: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
    slots = order.shape[1]
    count = int(slots * (1 - ratio))
    if not 0 < count <= slots:
        raise ModelError(f"masking {ratio:g} of {slots} patches or tokens leaves {count}: expected at least one")
    chosen = order.argsort(dim=1, stable=True)
    return chosen[:, :count], chosen[:, count:]


PATCH = 16  # bands and frames of a patch; fixed by CAV-MAE's weights
PATCH_VALUES = PATCH * PATCH
_PIXEL_EPS = 1e-6


def patch_columns(frames: int) -> int:
    """Patches along time.

    Raises:
        ModelError: if the frames do not make whole patches.
    """
    if frames < PATCH or frames % PATCH:
        raise ModelError(f"a crop of {frames} frames: expected a multiple of {PATCH}, as the model reads whole patches")
    return frames // PATCH


def to_patches(audio: Tensor) -> Tensor:
    """Cut `[B, T, bands]` into `[B, bands/16 * T/16, 256]`: lowest bands first, each row of patches along time.

    Within a patch, values go along time first, as CAV-MAE's convolution and its prediction head have them.
    """
    batch, frames, bands = audio.shape
    cut = audio.reshape(batch, frames // PATCH, PATCH, bands // PATCH, PATCH)
    return cut.permute(0, 3, 1, 4, 2).reshape(batch, -1, PATCH_VALUES)


def to_spectrogram(patches: Tensor, bands: int) -> Tensor:
    """Put `[B, n, 256]` together again as `[B, T, bands]`, the inverse of `to_patches`."""
    batch, count, _ = patches.shape
    rows = bands // PATCH
    cut = patches.reshape(batch, rows, count // rows, PATCH, PATCH)
    return cut.permute(0, 2, 4, 1, 3).reshape(batch, -1, bands)


def standardised(patches: Tensor) -> Tensor:
    """Each patch with mean 0 and (unbiased) variance 1: CAV-MAE's `norm_pix_loss` targets."""
    variance, mean = torch.var_mean(patches, dim=-1, keepdim=True)
    return (patches - mean) / (variance + _PIXEL_EPS).sqrt()
