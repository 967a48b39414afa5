"""The models, built from plain settings. All share one call: `model(**batch.inputs) -> ModelOutput`."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.alnet import ALNet
from mgc_models.models.bert import Bert, lyrics_encoder
from mgc_models.models.common import ModelOutput
from mgc_models.models.han_cnn import build_han_cnn
from mgc_models.models.inception_v4 import SMALLEST_SIDE, InceptionV4, inception_features
from mgc_models.models.jiang_mae.model import build_jiang_mae
from mgc_models.models.pandeya import pandeya
from mgc_models.models.ru_mgc import RuMgc
from mgc_models.models.santana import santana
from mgc_models.models.wong_chemelli import build_wong_chemelli

__all__ = ["DataShape", "ModelOutput", "build_model"]


def build_model(model: Mapping[str, Any], sizes: DataShape) -> nn.Module:
    """Build a randomly initialised model; torch's generator decides the weights.

    Args:
        model: The resolved `[model]` settings: `name` and the sizes of that model.
        sizes: What its data say about its shape.

    Returns:
        A module that is called with the inputs that its settings name, by keyword, and returns a `ModelOutput`: audio
        `[B, T, bands]`; tokens and token_mask `[B, L]`; words `[B, lines, words_per_line]` and has_lyrics `[B]`;
        word_vectors `[B, L, layers, D]`, word_mask `[B, L]` and has_lyrics `[B]`.

    Raises:
        ModelError: for an unknown name, or sizes that do not go together.
    """
    if model["name"] not in _BUILDERS:
        raise ModelError(f"model.name = {model['name']!r}: expected one of {', '.join(sorted(_BUILDERS))}")
    return _BUILDERS[model["name"]](model, sizes)


def _inception_v4(model: Mapping[str, Any], sizes: DataShape) -> nn.Module:
    _check_bands(sizes)
    return InceptionV4(sizes.n_genres, width=model["width"], blocks=model["blocks"])


def _bert(model: Mapping[str, Any], sizes: DataShape) -> nn.Module:
    return Bert(sizes.n_genres, lyrics_encoder(model, sizes))


def _alnet(model: Mapping[str, Any], sizes: DataShape) -> nn.Module:
    _check_bands(sizes)
    features, channels = inception_features(1, model["width"], model["blocks"])
    return ALNet(
        sizes.n_genres,
        features,
        channels,
        lyrics_encoder(model, sizes),
        fusion_width=model["fusion_width"],
        fusion_heads=model["fusion_heads"],
        fusion_intermediate=model["fusion_intermediate"],
        dropout=model["dropout"],
    )


def _check_bands(sizes: DataShape) -> None:
    if sizes.n_bands is None or sizes.n_bands < SMALLEST_SIDE:
        raise ModelError(f"a spectrogram of {sizes.n_bands} bands: Inception-v4 expects at least {SMALLEST_SIDE}")


_BUILDERS: dict[str, Callable[[Mapping[str, Any], DataShape], nn.Module]] = {
    "inception_v4": _inception_v4,
    "bert": _bert,
    "alnet": _alnet,
    "jiang_mae": build_jiang_mae,
    "ru_mgc": RuMgc,
    "santana": santana,
    "pandeya": pandeya,
    "han_cnn": build_han_cnn,
    "wong_chemelli": build_wong_chemelli,
}
