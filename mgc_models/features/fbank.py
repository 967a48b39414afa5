"""Log-mel filter bank of a whole clip, as CAV-MAE computes it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchaudio.compliance import kaldi

from mgc_models.errors import AudioError
from mgc_models.features.settings import FBANK_16K

__all__ = ["FBANK_16K", "fbank"]


def fbank(waveform: NDArray[np.float32], settings: Mapping[str, Any] = FBANK_16K) -> NDArray[np.float32]:
    """Kaldi log-mel filter bank, one row per 10 ms, neither normalised nor cropped.

    Bitwise what `torchaudio.compliance.kaldi.fbank` gives with the arguments of the released CAV-MAE code
    (`src/dataloader.py`), whose mean is subtracted from the waveform first.

    Args:
        waveform: float32 `[N]` at `settings["sample_rate_hz"]`.
        settings: `FBANK_16K` or a variant of it.

    Returns:
        float32 `[T, bands]`, T = 1 + (N - window) // shift.

    Raises:
        AudioError: too_short, if the waveform is shorter than one window.
    """
    rate_hz = settings["sample_rate_hz"]
    window_samples = int(rate_hz * settings["window_ms"] / 1000)
    if len(waveform) < window_samples:
        raise AudioError("too_short", f"{len(waveform)} samples at {rate_hz} Hz; one window needs {window_samples}")
    signal = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32))[None]
    if settings["subtract_mean"]:
        signal = signal - signal.mean()
    return kaldi.fbank(
        signal,
        sample_frequency=rate_hz,
        num_mel_bins=settings["bands"],
        window_type=settings["window"],
        frame_length=settings["window_ms"],
        frame_shift=settings["shift_ms"],
        low_freq=settings["low_hz"],
        high_freq=settings["high_hz"],
        preemphasis_coefficient=settings["preemphasis"],
        htk_compat=settings["htk_compat"],
        use_energy=settings["use_energy"],
        dither=settings["dither"],
    ).numpy()
