"""Settings of the features, as plain data that can be read without torch."""

from collections.abc import Mapping
from typing import Final

# The released CAV-MAE fbank (src/dataloader.py), except for the mono mix: that code takes the first channel, the
# thesis says nothing, and a mean loses neither side. Every value enters the hash of the stored feature.
FBANK_16K: Final[Mapping[str, str | int | float | bool]] = {
    "definition": "kaldi",
    "sample_rate_hz": 16_000,
    "mono": "mean",
    "resampler": "soxr_hq",
    "subtract_mean": True,
    "bands": 128,
    "window": "hanning",
    "window_ms": 25.0,
    "shift_ms": 10.0,
    "low_hz": 20.0,
    "high_hz": 8_000.0,
    "preemphasis": 0.97,
    "htk_compat": True,
    "use_energy": False,
    "dither": 0.0,
}
