"""Spectrograms as square patches (thesis section 4.1), and back."""

import torch
from torch import Tensor

from mgc_models.errors import ModelError

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
