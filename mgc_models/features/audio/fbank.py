"""Log-mel filter bank of a whole clip, as CAV-MAE computes it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchaudio.compliance import kaldi

from mgc_models.errors import AudioError
from mgc_models.features.config import FBANK_16K

__all__ = ["FBANK_16K", "fbank"]

# Frames worked on at a time, which then stay in the core's cache; the result does not depend on it.
_FRAMES = 512
_FLOOR = torch.finfo(torch.float32).eps  # of an energy before its logarithm, as in Kaldi


def fbank(waveform: NDArray[np.float32], settings: Mapping[str, Any] = FBANK_16K) -> NDArray[np.float32]:
    """Kaldi log-mel filter bank, one row per 10 ms, neither normalised nor cropped.

    Bitwise what `torchaudio.compliance.kaldi.fbank` gives with the arguments of the released CAV-MAE code
    (`src/dataloader.py`), whose mean is subtracted from the waveform first: the same operations in the same order,
    without its copies.

    Args:
        waveform: float32 `[N]` at `settings["sample_rate_hz"]`.
        settings: `FBANK_16K` or a variant of it.

    Returns:
        float32 `[T, bands]`, T = 1 + (N - window) // shift.

    Raises:
        AudioError: too_short, if the waveform is shorter than one window.
        ValueError: if the settings ask for energies, dither or another window, which are not made here.
    """
    _refuse_others(settings)
    rate_hz = settings["sample_rate_hz"]
    samples, shift = (int(rate_hz * settings[name] / 1000) for name in ("window_ms", "shift_ms"))
    if len(waveform) < samples:
        raise AudioError("too_short", f"{len(waveform)} samples at {rate_hz} Hz; one window needs {samples}")
    signal = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32))
    if settings["subtract_mean"]:
        signal = signal - signal.mean()
    window, banks = _window_and_banks(samples, rate_hz, settings["bands"], settings["low_hz"], settings["high_hz"])
    frames = signal.as_strided((1 + (len(signal) - samples) // shift, samples), (shift, 1))
    energies = torch.empty(len(frames), settings["bands"])
    padded = torch.zeros(_FRAMES, 2 * (len(banks) - 1))
    for start in range(0, len(frames), _FRAMES):
        some = frames[start : start + _FRAMES]
        _shape(some - some.mean(dim=1, keepdim=True), settings["preemphasis"], window, padded[: len(some), :samples])
        power = torch.fft.rfft(padded[: len(some)]).abs().square_()
        torch.mm(power, banks, out=energies[start : start + _FRAMES])
    return energies.clamp_(min=_FLOOR).log_().numpy()


def _shape(frames: torch.Tensor, preemphasis: float, window: torch.Tensor, out: torch.Tensor) -> None:
    """Pre-emphasis within each frame and its window, `[T, samples]`."""
    torch.mul(frames[:, :-1], -preemphasis, out=out[:, 1:])
    torch.mul(frames[:, 0], -preemphasis, out=out[:, 0])
    out.add_(frames).mul_(window)


@lru_cache(maxsize=4)
def _window_and_banks(
    samples: int, rate_hz: int, bands: int, low_hz: float, high_hz: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hanning window `[samples]` and mel filters `[n_fft / 2 + 1, bands]`; the last bin takes part in none."""
    n_fft = 1 << (samples - 1).bit_length()
    banks, _ = kaldi.get_mel_banks(bands, n_fft, float(rate_hz), low_hz, high_hz, 100.0, -500.0, 1.0)
    return torch.hann_window(samples, periodic=False), torch.nn.functional.pad(banks, (0, 1)).T


def _refuse_others(settings: Mapping[str, Any]) -> None:
    for name, expected in (("window", "hanning"), ("use_energy", False), ("dither", 0.0)):
        if settings[name] != expected:
            raise ValueError(f"{name} = {settings[name]!r}: expected {expected!r}")
