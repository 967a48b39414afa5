"""Synthesises the sound: one layer per voice of each telling genre, over a bed and distractors that tell nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.sample.planting import planted

Voice = Mapping[str, Any]
Samples = NDArray[np.float32]

WAVETABLE_SIZE = 2048  # one period; a power of two, so that wrapping around is a bit mask
NOISE_SIZE = 32768  # samples of band-limited noise before it repeats
HIGHEST_PARTIAL_HZ = 7800.0  # below half of the 16 kHz that features are made at
SCALE = np.array([0, 2, 3, 5, 7, 8, 10, 12]) / 12  # octaves; every song sings in the same mode
PEAK = 0.9


def waveform(seed: int, tells: Sequence[str], duration_s: float, rate_hz: int, channels: int) -> Samples:
    """Sound of a song.

    Args:
        seed: Equal seeds and arguments give equal sound.
        tells: Genres whose voices it contains.
        duration_s: Length.
        rate_hz: Sampling rate.
        channels: 1 or more; channels differ in the level of each voice.

    Returns:
        `[T_samples, channels]`, within -1 and 1.
    """
    rng = np.random.default_rng(seed)
    settings = planted("planting")["audio"]
    time_s = np.arange(round(duration_s * rate_hz), dtype=np.float32) / np.float32(rate_hz)
    mix = np.zeros((len(time_s), channels), np.float32)
    for voice in _voices(rng, tells):
        level_db = rng.uniform(*voice["level_db"]) + rng.uniform(-3, 3, channels) * (channels > 1)
        mix += _render(rng, voice, time_s, rate_hz)[:, None] * _gain(level_db)
    mix += rng.standard_normal(mix.shape, np.float32) * _gain(rng.uniform(*settings["hiss_db"]))
    loudest = max(float(np.abs(mix).max()), 1e-6)
    return mix * (_gain(rng.uniform(*settings["headroom_db"])) * np.float32(PEAK / loudest))


def _voices(rng: np.random.Generator, tells: Sequence[str]) -> list[Voice]:
    settings = planted("planting")["audio"]
    distractors = [voice for voice in settings["distractors"] if rng.random() < 1 / 3]
    return [*settings["bed"], *distractors, *(voice for genre in tells for voice in planted("genres")[genre]["voices"])]


def _render(rng: np.random.Generator, voice: Voice, time_s: Samples, rate_hz: int) -> Samples:
    kind = voice["kind"]
    if kind == "notes":
        return _notes(rng, voice, time_s, rate_hz)
    if kind == "noise":
        return _noise(rng, voice, time_s, rate_hz)
    if kind == "pad":
        return _pad(rng, voice, time_s)
    raise ValueError(f"genres.toml or planting.toml: unknown kind of voice {kind!r}; expected notes, noise or pad")


def _notes(rng: np.random.Generator, voice: Voice, time_s: Samples, rate_hz: int) -> Samples:
    """Plucked tones, one pitch per beat."""
    beats = time_s * np.float32(rng.uniform(*voice["rate_hz"])) + np.float32(rng.random())
    low, high = voice["pitch_hz"]
    pitches_hz = low * (high / low) ** rng.choice(SCALE, int(beats[-1]) + 1)
    cycles = np.cumsum(pitches_hz[beats.astype(np.int32)] / rate_hz)
    table = _wavetable(rng, voice, high)
    return _lookup(table, cycles) * _decay(beats, time_s, voice["decay_s"])


def _noise(rng: np.random.Generator, voice: Voice, time_s: Samples, rate_hz: int) -> Samples:
    """Bursts of noise within a band, one per beat."""
    spectrum = np.exp(2j * np.pi * rng.random(NOISE_SIZE // 2 + 1))
    frequencies_hz = np.fft.rfftfreq(NOISE_SIZE, 1 / rate_hz)
    low, high = np.array(voice["band_hz"]) * rng.uniform(0.85, 1.15)
    spectrum[(frequencies_hz < low) | (frequencies_hz > high)] = 0
    noise = np.fft.irfft(spectrum)
    noise = (noise / (np.abs(noise).max() + 1e-9)).astype(np.float32)
    offset = voice.get("offset", 0.0)
    beats = time_s * np.float32(rng.uniform(*voice["rate_hz"])) + np.float32(offset + 0.05 * rng.random())
    return np.resize(noise, len(time_s)) * _decay(beats, time_s, voice["decay_s"])


def _pad(rng: np.random.Generator, voice: Voice, time_s: Samples) -> Samples:
    """Three sustained tones that swell together."""
    low, high = voice["pitch_hz"]
    table = _wavetable(rng, voice, high)
    pitches_hz = rng.uniform(low, high, 3)
    tones = [_lookup(table, time_s * np.float32(pitch) + np.float32(rng.random())) for pitch in pitches_hz]
    swell = np.sin(2 * np.pi * (time_s * np.float32(rng.uniform(*voice["rate_hz"])) + np.float32(rng.random())))
    return (np.mean(tones, axis=0) * (0.6 + 0.4 * swell)).astype(np.float32)


def _wavetable(rng: np.random.Generator, voice: Voice, highest_pitch_hz: float) -> Samples:
    """One period of a harmonic tone whose partials fall off with their number and stay below the limit."""
    partials = min(voice["partials"], int(HIGHEST_PARTIAL_HZ / highest_pitch_hz))
    number = np.arange(1, max(partials, 1) + 1)
    amplitude = number ** -float(voice["rolloff"]) * rng.uniform(0.6, 1.0, len(number))
    cycles = np.outer(number, np.arange(WAVETABLE_SIZE) / WAVETABLE_SIZE) + rng.random((len(number), 1))
    table = amplitude @ np.sin(2 * np.pi * cycles)
    return (table / np.abs(table).max()).astype(np.float32)


def _lookup(table: Samples, cycles: NDArray[np.floating]) -> Samples:
    return table[(cycles * WAVETABLE_SIZE).astype(np.int32) & (WAVETABLE_SIZE - 1)]


def _decay(beats: Samples, time_s: Samples, decay_s: float) -> Samples:
    """Envelope that jumps up on every beat and falls to 1/e within `decay_s`."""
    beat_s = float((time_s[-1] - time_s[0]) / (beats[-1] - beats[0]))
    return np.exp((beats % 1) * np.float32(-beat_s / decay_s))


def _gain(level_db: float | NDArray[np.float64]) -> Any:
    return np.float32(10) ** (np.asarray(level_db, np.float32) / 20)
