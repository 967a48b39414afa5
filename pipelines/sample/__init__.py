"""The sample corpus: small synthetic datasets in the real ones' on-disk formats, for machines without the real ones."""

from pipelines.sample.catalogues import PlantedPair
from pipelines.sample.generator import DEFAULT_TRACKS, generate, is_current
from pipelines.sample.planting import companion_probabilities, generator_version, planted_genres
from pipelines.sample.truth import PlantedClip, PlantedTrack, Truth, read_truth

__all__ = [
    "DEFAULT_TRACKS",
    "PlantedClip",
    "PlantedPair",
    "PlantedTrack",
    "Truth",
    "companion_probabilities",
    "generate",
    "generator_version",
    "is_current",
    "planted_genres",
    "read_truth",
]
