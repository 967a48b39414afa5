"""Bytes of the features at the full size of the datasets, from counts of the sources and shapes of the settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mgc_models.features.config import feature_settings
from pipelines.corpora.config import load_corpus
from pipelines.datasets.cards import load_card
from pipelines.features.config import audio_datasets, principal_vectors, spectrogram_specs

CLIP_S = 30
CLIPS = {"music4all": 109_269, "msd": 784_203, "fma": 25_000}  # jiang2024 section 5.1; nandy2021 section 3
VALUE_BYTES = 2  # float16
ELMO = 3, 1024  # layers and dimensions of the original release
BERT_DIMENSIONS = 768


@dataclass(frozen=True)
class FeatureSize:
    """Bytes of one feature.

    Attributes:
        feature: Its name.
        made_of: Of which dataset, and with which vectors where that is a choice.
        tracks: How many tracks get it.
        track_bytes: Of a clip of 30 s, or of the most words that are kept of a song.
    """

    feature: str
    made_of: str
    tracks: int
    track_bytes: int

    @property
    def bytes(self) -> int:
        """Bytes of all tracks together."""
        return self.tracks * self.track_bytes


def feature_sizes() -> Iterator[FeatureSize]:
    """List every feature above a gigabyte, in the order in which they are made."""
    for dataset in audio_datasets():
        for spec in spectrogram_specs(dataset):
            size = clip_frames(spec.settings) * spec.width * VALUE_BYTES
            yield FeatureSize(spec.name, load_card(dataset).name, CLIPS[dataset], size)
    yield from _word_vectors()


def clip_frames(settings: Mapping[str, Any]) -> int:
    """Frames of a clip of 30 s in a spectrogram with these settings."""
    if "frames" in settings:
        return int(settings["frames"])
    samples = CLIP_S * settings["sample_rate_hz"]
    if "hop" in settings:
        return samples // settings["hop"] + 1  # centred: half a window is added on both sides
    window, shift = (round(settings[name] * settings["sample_rate_hz"] / 1000) for name in ("window_ms", "shift_ms"))
    return int((samples - window) // shift + 1)


def _word_vectors() -> Iterator[FeatureSize]:
    feature, settings = principal_vectors(), feature_settings("principal_vectors")
    tracks = load_corpus("m4a").printed_tracks
    dimensions = {
        "counted or word2vec vectors": feature_settings("word_vectors")["dimensions"],
        "BERT": len(settings["bert_layers"]) * BERT_DIMENSIONS,
        "ELMo": ELMO[0] * ELMO[1],
    }
    for vectors, width in dimensions.items():
        made_of = f"{load_card(feature.lyrics).name}, {vectors}"
        yield FeatureSize(feature.name, made_of, tracks, settings["words_kept"] * width * VALUE_BYTES)
