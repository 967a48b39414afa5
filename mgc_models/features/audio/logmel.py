"""Log-mel spectrogram of a whole clip, centred frames, on a scale and with a length that the settings name."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torchaudio.functional import melscale_fbanks

from mgc_models.errors import AudioError

_FRAMES = 128  # worked on at a time: few enough for the core's cache, enough that calls are not felt
_BLOCK_BANDS = 16


class _Filters(NamedTuple):
    """Neighbouring mel filters: their bands, the bins of the spectrum they cover, and weights `[bins, bands]`."""

    bands: slice
    bins: slice
    weights: torch.Tensor


def logmel(waveform: NDArray[np.float32], settings: Mapping[str, Any]) -> NDArray[np.float32]:
    """Natural logarithm of mel-scaled power, one row per hop.

    What `torchaudio.transforms.MelSpectrogram(center=True, power=2)` gives, with `log(max(power, floor))`.

    Args:
        waveform: float32 `[N]` at `settings["sample_rate_hz"]`.
        settings: Of a feature with definition log_mel: `logmel_22k`, `spec_500x1500`.

    Returns:
        float32 `[T, bands]`; T = 1 + N // hop, or `settings["frames"]` where that is given.

    Raises:
        AudioError: too_short, if there is less than half a window to reflect at the ends.
        ValueError: for another window or way to pad.
    """
    for name, expected in (("window", "hann"), ("pad_mode", "reflect")):
        if settings[name] != expected:
            raise ValueError(f"{name} = {settings[name]!r}: expected {expected!r}")
    n_fft, hop, wanted = settings["n_fft"], settings["hop"], settings.get("frames")
    if len(waveform) <= n_fft // 2:
        raise AudioError("too_short", f"{len(waveform)} samples; more than half of a window of {n_fft} are needed")
    signal = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32))
    count = 1 + len(signal) // hop
    if wanted:
        signal, count = signal[: wanted * hop], min(count, wanted)
    padded = torch.nn.functional.pad(signal[None], (n_fft // 2, n_fft // 2), mode=settings["pad_mode"])[0]
    powers = torch.zeros(wanted or count, settings["bands"])
    _mel_powers(padded.as_strided((count, n_fft), (hop, 1)), settings, powers)
    return powers.clamp_(min=settings["floor"]).log_().numpy()


def _mel_powers(frames: torch.Tensor, settings: Mapping[str, Any], out: torch.Tensor) -> None:
    """Fill `out` `[T, bands]` from `frames` `[T, n_fft]`."""
    n_fft = settings["n_fft"]
    window, windowed = torch.hann_window(n_fft), torch.empty(_FRAMES, n_fft)
    filters = _filters(
        n_fft, settings["sample_rate_hz"], settings["bands"], settings["low_hz"], settings["high_hz"],
        settings["mel_scale"], settings["mel_norm"],
    )  # fmt: skip
    for start in range(0, len(frames), _FRAMES):
        some = frames[start : start + _FRAMES]
        spectrum = torch.fft.rfft(torch.mul(some, window, out=windowed[: len(some)]))
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        for bands, bins, weights in filters:
            out[start : start + len(some), bands] = power[:, bins] @ weights


@lru_cache(maxsize=8)
def _filters(
    n_fft: int, rate_hz: int, bands: int, low_hz: float, high_hz: float, scale: str, norm: str
) -> list[_Filters]:
    """Mel filters in blocks, each with the few bins that it covers: most of the whole matrix is zeros."""
    whole = melscale_fbanks(n_fft // 2 + 1, low_hz, high_hz, bands, rate_hz, norm=norm, mel_scale=scale)
    blocks = []
    for start in range(0, bands, _BLOCK_BANDS):
        weights = whole[:, start : start + _BLOCK_BANDS]
        bins = weights.any(dim=1).nonzero().flatten()
        covered = slice(int(bins[0]), int(bins[-1]) + 1)
        blocks.append(_Filters(slice(start, start + weights.shape[1]), covered, weights[covered].contiguous()))
    return blocks
