"""Log-mel spectrograms are torchaudio's, with the sizes that the works name."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.transforms import MelSpectrogram

from mgc_models.errors import AudioError
from mgc_models.features.audio.decoding import Decoded
from mgc_models.features.audio.logmel import logmel
from mgc_models.features.audio.spectrograms import spectrograms
from mgc_models.features.config import feature_settings

RATE_HZ = 22_050
RU, NANDY = feature_settings("logmel_22k"), feature_settings("spec_500x1500")


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def torchaudio_logmel(waveform: np.ndarray, spec) -> np.ndarray:
    mel = MelSpectrogram(
        RATE_HZ, spec["n_fft"], hop_length=spec["hop"], n_mels=spec["bands"], mel_scale="slaney", norm="slaney"
    )
    return mel(torch.from_numpy(waveform)).clamp(min=1e-10).log().T.numpy()


@settings(max_examples=15, deadline=None)
@given(samples=st.integers(2049, 60_000), seed=st.integers(0, 99))
def test_both_equal_torchaudio_at_any_length(samples: int, seed: int) -> None:
    waveform = noise(samples, seed)
    for spec in (RU, NANDY):
        expected = torchaudio_logmel(waveform, spec)
        np.testing.assert_allclose(logmel(waveform, spec)[: len(expected)], expected, atol=2e-4)


def test_a_tone_is_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(3 * RATE_HZ) / RATE_HZ).astype(np.float32)
    # Slaney's scale: linear to 1 kHz, which is mel 15, then 27 steps for each factor of 6.4.
    edges = 15 + 27 * np.log(11.025) / np.log(6.4)
    assert abs(int(logmel(tone, RU)[50].argmax()) - (15 / edges * 129 - 1)) <= 1
    assert abs(int(logmel(tone, NANDY)[50].argmax()) - (15 / edges * 501 - 1)) <= 1


@pytest.mark.parametrize(("duration_s", "frames"), [(30, 1292), (29.98, 1292), (5, 216)])
def test_ru_has_a_frame_for_each_hop(duration_s: float, frames: int) -> None:
    assert logmel(noise(int(duration_s * RATE_HZ)), RU).shape == (frames, 128)


@pytest.mark.parametrize("duration_s", [30, 29.98, 45.5, 2])
def test_nandy_is_500_by_1500_whatever_the_length(duration_s: float) -> None:
    samples = int(duration_s * RATE_HZ)
    image = logmel(noise(samples), NANDY)
    assert image.shape == (1500, 500)
    floor = np.float32(np.log(np.float32(1e-10)))
    heard = 1 + min(samples, 1500 * 441) // 441
    assert (image[:heard] > floor).all()
    assert (image[heard:] == floor).all()


def test_a_cut_clip_is_that_of_its_first_half_minute() -> None:
    long = noise(45 * RATE_HZ)
    np.testing.assert_array_equal(logmel(long, NANDY), logmel(long[: 30 * RATE_HZ], NANDY))


def test_silence_is_the_floor_and_half_a_window_too_short() -> None:
    assert np.isfinite(logmel(np.zeros(RATE_HZ, np.float32), RU)).all()
    with pytest.raises(AudioError, match="too_short: 1024 samples; more than half of a window of 2048"):
        logmel(noise(1024), RU)


def test_every_band_of_every_spectrogram_covers_a_bin() -> None:
    click = np.zeros(RATE_HZ, np.float32)
    click[RATE_HZ // 2] = 1
    for spec, frame in ((RU, RATE_HZ // 2 // 512), (NANDY, RATE_HZ // 2 // 441)):
        assert (logmel(click, spec)[frame] > np.log(1e-10)).all()


def test_one_file_gives_all_that_are_wanted_in_half_precision() -> None:
    decoded = Decoded(np.stack([noise(44_100 * 5), noise(44_100 * 5, 1)]), 44_100, False, 1.0)
    fbank, ru, nandy = spectrograms(decoded, [feature_settings("fbank_16k"), RU, NANDY])
    assert [array.shape for array in (fbank, ru, nandy)] == [(498, 128), (216, 128), (1500, 500)]
    assert {array.dtype for array in (fbank, ru, nandy)} == {np.dtype(np.float16)}
    with pytest.raises(ValueError, match="definition = 'cqt'"):
        spectrograms(decoded, [{**RU, "definition": "cqt"}])
    with pytest.raises(KeyError, match=r"no feature 'fbank_8k'.*fbank_16k"):
        feature_settings("fbank_8k")
