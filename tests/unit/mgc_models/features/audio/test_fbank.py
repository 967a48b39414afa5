"""The filter bank is bitwise that of the released CAV-MAE code."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.compliance import kaldi

from mgc_models.errors import AudioError
from mgc_models.features.audio.fbank import FBANK_16K, fbank


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal(samples) + 0.05).astype(np.float32)


def cavmae_fbank(waveform: np.ndarray) -> np.ndarray:
    """The call in CAV-MAE's data loader, everything else torchaudio's default."""
    signal = torch.from_numpy(waveform)[None]
    return kaldi.fbank(
        signal - signal.mean(),
        htk_compat=True,
        sample_frequency=16_000,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=128,
        dither=0.0,
        frame_shift=10,
    ).numpy()


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(400, 20_000), seed=st.integers(0, 99))
def test_equals_cavmae_bit_for_bit_at_any_length(samples: int, seed: int) -> None:
    waveform = noise(samples, seed)
    ours = fbank(waveform, FBANK_16K)
    assert ours.dtype == np.float32
    assert ours.shape == (1 + (samples - 400) // 160, 128)
    np.testing.assert_array_equal(ours, cavmae_fbank(waveform))


def test_five_seconds_are_498_frames_whatever_the_number_of_threads() -> None:
    waveform = noise(5 * 16_000)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            results.append(fbank(waveform, FBANK_16K))
    finally:
        torch.set_num_threads(before)
    assert results[0].shape == (498, 128)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_a_constant_offset_changes_nothing_much_and_silence_stays_finite() -> None:
    waveform = noise(16_000)
    np.testing.assert_allclose(fbank(waveform + 0.25, FBANK_16K), fbank(waveform, FBANK_16K), atol=0.05)
    assert np.isfinite(fbank(np.zeros(16_000, np.float32), FBANK_16K)).all()


def test_half_precision_holds_the_range() -> None:
    loud = np.sign(noise(16_000) - 0.05).astype(np.float32)
    values = fbank(loud, FBANK_16K)
    np.testing.assert_allclose(values.astype(np.float16).astype(np.float32), values, atol=0.01)


@pytest.mark.parametrize("samples", [0, 1, 399])
def test_less_than_one_window_is_too_short(samples: int) -> None:
    with pytest.raises(AudioError, match=f"too_short: {samples} samples at 16000 Hz; one window needs 400"):
        fbank(noise(samples), FBANK_16K)


def test_settings_are_plain_data() -> None:
    assert json.loads(json.dumps(FBANK_16K)) == FBANK_16K
