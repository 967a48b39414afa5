"""Builds the baselines in the tables of Ru et al. 2023 from their settings."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from mgc_models.errors import ModelError
from mgc_models.models.han import HierarchicalAttention
from mgc_models.models.pandeya import Pandeya
from mgc_models.models.resnet import ResNet
from mgc_models.models.santana import Santana
from mgc_models.models.sizes import DataSizes


def santana(model: Mapping[str, Any], sizes: DataSizes) -> nn.Module:
    """The audio baseline."""
    return Santana(sizes.n_genres, model["channels"], model["dropout"])


def pandeya(model: Mapping[str, Any], sizes: DataSizes) -> nn.Module:
    """The audio-and-lyrics baseline.

    Raises:
        ModelError: if the data have no table of words.
    """
    if sizes.word_table is None:
        raise ModelError("model.name = 'pandeya' reads words: expected the vectors of a vocabulary")
    resnet = ResNet(model["audio_channels"], model["audio_blocks"])
    han = HierarchicalAttention(sizes.word_table, model["han_hidden"], model["han_attention"], model["han_dropout"])
    return Pandeya(
        sizes.n_genres, resnet, han, joint=model["joint"], dropout=model["dropout"], emotion=model["emotion"]
    )
