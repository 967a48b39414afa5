"""Features in which sound and words tell the same: every track leans to one pole of each topic, in both.

A clip then has something to be told by from its own lyrics, and what is masked can be told from what is seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOTIF_FRAMES = 16  # how long a topic is heard
_RUN_TOKENS = 4  # for how many words in a row lyrics are about a topic
_WORDS = 3  # that tell one pole of a topic
_TOLD = 0.9  # share of the words that tell anything
_NOISE = 0.3
_MEAN, _SD = -5.081, 4.4849  # of the spectrograms of AudioSet, as CAV-MAE gives them


@dataclass(frozen=True)
class PlantedTracks:
    """What is true of the tracks, and how it sounds and reads.

    Attributes:
        poles: 0 or 1 for every topic, [N, topics].
        shapes: Spectral shape of each pole, [topics, 2, bands].
        first_word: Of the telling words in the vocabulary; those before tell nothing.
        common: Number of the words that tell nothing.
    """

    poles: NDArray[np.int64]
    shapes: NDArray[np.float64]
    first_word: int
    common: int


def plant(random: np.random.Generator, tracks: int, topics: int, bands: int, words: range) -> PlantedTracks:
    """Draw the tracks' poles and the shapes of sound.

    Args:
        random: Where all comes from.
        tracks: Number of tracks.
        topics: Number of topics.
        bands: Of the spectrogram.
        words: Of the vocabulary, without special tokens.

    Raises:
        ValueError: if the vocabulary has too few words for the topics.
    """
    telling = 2 * topics * _WORDS
    if len(words) <= telling:
        raise ValueError(f"{len(words)} words: expected more than {telling}, for {topics} topics")
    poles = random.integers(0, 2, (tracks, topics))
    shapes = random.standard_normal((topics, 2, bands))
    return PlantedTracks(poles, shapes, words.stop - telling, len(words) - telling)


def sounds(random: np.random.Generator, planted: PlantedTracks, frames: int) -> Iterator[NDArray[np.float16]]:
    """Spectrograms `[frames, bands]`: one motif after the other, each of a topic's pole, under noise."""
    topics, bands = planted.shapes.shape[0], planted.shapes.shape[2]
    for poles in planted.poles:
        topic = random.integers(0, topics, -(-frames // _MOTIF_FRAMES))
        heard = planted.shapes[topic, poles[topic]].repeat(_MOTIF_FRAMES, axis=0)[:frames]
        yield (_MEAN + _SD * (heard + _NOISE * random.standard_normal((frames, bands)))).astype(np.float16)


def words(
    random: np.random.Generator, planted: PlantedTracks, lengths: NDArray[np.int64]
) -> Iterator[NDArray[np.int32]]:
    """Token ids `[length]`: runs of words that tell a topic's pole, with words between that tell nothing."""
    for poles, length in zip(planted.poles, lengths.tolist(), strict=True):
        topic = random.integers(0, len(poles), -(-length // _RUN_TOKENS)).repeat(_RUN_TOKENS)[:length]
        telling = planted.first_word + (2 * topic + poles[topic]) * _WORDS + random.integers(0, _WORDS, length)
        common = planted.first_word - planted.common + random.integers(0, planted.common, length)
        yield np.where(random.random(length) < _TOLD, telling, common).astype(np.int32)
