"""Reads which features are made of which dataset (features.toml)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mgc_models.features.config import feature_settings
from warehouse.parsing import parse, read
from warehouse.shards.writer import FeatureSpec

FILE = Path(__file__).with_name("features.toml")


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary of word vectors: its name, the dataset of its lyrics, and the table of the tracks that count."""

    name: str
    lyrics: str
    members: str | None = None


@dataclass(frozen=True)
class LyricFeature:
    """A feature of lyrics: its name, the dataset of the lyrics, the vocabulary of its words, and whose lyrics count."""

    name: str
    lyrics: str
    vocabulary: Vocabulary
    members: str | None = None


@cache
def _read() -> Mapping[str, Any]:
    return read(FILE, dict[str, Any])


def audio_datasets() -> list[str]:
    """Datasets whose audio is decoded, in their order."""
    return list(_read()["audio"])


def spectrogram_specs(dataset: str) -> tuple[FeatureSpec, ...]:
    """Spectrograms made of a dataset's audio."""
    return tuple(_spectrogram(name) for name in _read()["audio"][dataset])


def datasets_of(feature: str) -> list[str]:
    """Datasets that a spectrogram is made of."""
    return [dataset for dataset in audio_datasets() if feature in _read()["audio"][dataset]]


def spectrogram_names() -> list[str]:
    """List every spectrogram that is made, each once."""
    return list(dict.fromkeys(name for dataset in audio_datasets() for name in _read()["audio"][dataset]))


def vocabularies() -> list[Vocabulary]:
    """Vocabularies of word vectors."""
    return list(parse(dict[str, Vocabulary], _read()["word_vectors"], "word_vectors").values())


def lyric_lines() -> list[LyricFeature]:
    """Features with lines of word numbers."""
    return [_lyric_feature(name, values) for name, values in _read()["lyric_lines"].items()]


def principal_vectors() -> LyricFeature:
    """The feature with the vectors of principal words."""
    return _lyric_feature("principal_vectors", _read()["principal_vectors"])


def _lyric_feature(name: str, values: Mapping[str, Any]) -> LyricFeature:
    named = {vocabulary.name: vocabulary for vocabulary in vocabularies()}
    return LyricFeature(name, values["lyrics"], named[values["vocabulary"]], values.get("members"))


def _spectrogram(name: str) -> FeatureSpec:
    settings = feature_settings(name)
    return FeatureSpec(name, "float16", settings["bands"], dict(settings))
