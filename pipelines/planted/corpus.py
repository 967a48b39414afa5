"""A planted corpus: tracks made from latent factors, as spectrograms and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

TRAIN, VALIDATION, TEST, UNLABELLED = range(4)


@dataclass(frozen=True)
class PlantedCorpus:
    """Tracks with what is true of them.

    Attributes:
        genres: Names.
        factors: Latent value of every factor by name, float64 [N] each; what audio and lyrics are made from.
        labels: [N, C].
        frames: Spectrograms, float16 [N, T, bands].
        tokens: Word numbers, int32 [N, L], without special tokens.
        words: Size of the vocabulary.
        parts: TRAIN, VALIDATION, TEST or UNLABELLED, [N].
        truth: What the labels were made from, higher where a genre is likelier, [N, C]; None: it is not one number.
        paired: Whether a cue of sound and one of words mean something together that neither means alone.
    """

    genres: tuple[str, ...]
    factors: Mapping[str, NDArray[np.float64]]
    labels: NDArray[np.bool_]
    frames: NDArray[np.float16]
    tokens: NDArray[np.int32]
    words: int
    parts: NDArray[np.int64]
    truth: NDArray[np.float64] | None = None
    paired: bool = False


def draw_parts(rng: np.random.Generator, sizes: Mapping[str, int]) -> NDArray[np.int64]:
    """Which part each track belongs to, in random order, [N].

    Args:
        rng: Where the order comes from.
        sizes: Tracks of `train`, `validation`, `test` and `unlabelled`.
    """
    counts = [sizes["train"], sizes["validation"], sizes["test"], sizes["unlabelled"]]
    return rng.permutation(np.repeat(np.arange(4), counts))


def render_sound(
    rng: np.random.Generator, levels: NDArray[np.float64], settings: Mapping[str, Any]
) -> NDArray[np.float16]:
    """Spectrograms in which every column of `levels` is one texture.

    A texture is a bump over bands that swells and fades at its own rate, from a phase of its own in every track: its
    level is in the energy of the modulation and not in any mean, so that a linear look at the bands does not find it.

    Args:
        rng: Phases and noise.
        levels: Amplitude of each texture, at least 0, [N, textures].
        settings: frames, bands, bump_bands (width), slowest and fastest (frames per period), noise, tilt.

    Returns:
        float16 [N, T, bands].
    """
    tracks, textures = levels.shape
    time, band = np.arange(settings["frames"]), np.arange(settings["bands"])
    centres = (np.arange(textures) + 0.5) * settings["bands"] / textures
    bumps = np.exp(-0.5 * ((band - centres[:, None]) / settings["bump_bands"]) ** 2)
    periods = np.linspace(settings["slowest"], settings["fastest"], textures)
    phases = rng.uniform(0, 2 * np.pi, (tracks, textures, 1))
    swell = levels[:, :, None] * np.sin(2 * np.pi * time / periods[:, None] + phases)
    sound = np.einsum("nft,fb->ntb", swell, bumps)
    # What tells nothing: the level of the whole clip, its slope over bands, and noise.
    sound += settings["tilt"] * rng.standard_normal((tracks, 1, 1))
    sound += settings["tilt"] * rng.standard_normal((tracks, 1, 1)) * np.linspace(-1, 1, len(band))
    sound += settings["noise"] * rng.standard_normal(sound.shape)
    return sound.astype(np.float16)


def play_motifs(
    rng: np.random.Generator, leanings: NDArray[np.float64], settings: Mapping[str, Any]
) -> NDArray[np.float16]:
    """Spectrograms of motifs, the sound's counterpart of words: each stands for one pole of one topic.

    A motif is a random spectral shape over `motif_bands`, held for `motif_frames`. Several shapes mean the same; their
    likeness says little of which, what they occur with says more.

    Args:
        rng: Which motifs, and noise.
        leanings: Chance of a topic's first group rather than its second, [N, topics].
        settings: frames, bands, motif_frames, motif_bands, group_motifs, likeness (share of a shape's variance that its
            group has in common), run (columns about one topic), noise.

    Returns:
        float16 [N, T, bands].
    """
    tracks, topics = leanings.shape
    columns, rows = settings["frames"] // settings["motif_frames"], settings["bands"] // settings["motif_bands"]
    # Both rows of a column are about one topic, and so are the columns of a run.
    topic = np.repeat(_runs(rng, tracks, columns, topics, settings["run"]), rows, axis=1)
    second = rng.random(topic.shape) >= np.take_along_axis(leanings, topic, axis=1)
    motif = (2 * topic + second) * settings["group_motifs"] + rng.integers(settings["group_motifs"], size=topic.shape)
    groups = rng.standard_normal((2 * topics, 1, settings["motif_bands"]))
    own = rng.standard_normal((2 * topics, settings["group_motifs"], settings["motif_bands"]))
    shapes = np.sqrt(settings["likeness"]) * groups + np.sqrt(1 - settings["likeness"]) * own
    shapes = shapes.reshape(-1, settings["motif_bands"])
    played = shapes[motif].reshape(tracks, columns, settings["bands"])
    sound = np.repeat(played, settings["motif_frames"], axis=1)
    return (sound + settings["noise"] * rng.standard_normal(sound.shape)).astype(np.float16)


def write_words(
    rng: np.random.Generator, leanings: NDArray[np.float64], settings: Mapping[str, Any]
) -> tuple[NDArray[np.int32], int]:
    """Lyrics in which every column of `leanings` decides between two groups of words.

    Args:
        rng: Which words.
        leanings: Chance of a topic's first group rather than its second, [N, topics].
        settings: tokens (length), common_words, group_words, told_share (chance of a slot to be about a topic), run
            (slots in a row that are about the same one).

    Returns:
        Word numbers [N, L], and the size of the vocabulary.
    """
    tracks, topics = leanings.shape
    shape = (tracks, settings["tokens"])
    topic = _runs(rng, *shape, topics, settings["run"])
    second = rng.random(shape) >= np.take_along_axis(leanings, topic, axis=1)
    within = rng.integers(settings["group_words"], size=shape)
    told = settings["common_words"] + (2 * topic + second) * settings["group_words"] + within
    common = rng.integers(settings["common_words"], size=shape)
    words = np.where(rng.random(shape) < settings["told_share"], told, common)
    return words.astype(np.int32), settings["common_words"] + 2 * topics * settings["group_words"]


def _runs(rng: np.random.Generator, tracks: int, length: int, topics: int, run: int) -> NDArray[np.int64]:
    """Topics that stay the same for `run` slots, [tracks, length]."""
    return np.repeat(rng.integers(topics, size=(tracks, -(-length // run))), run, axis=1)[:, :length]
