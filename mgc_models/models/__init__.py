"""The models, built from plain settings. All share one call: `model(audio, tokens, token_mask) -> ModelOutput`."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from transformers import BertModel

from mgc_models.errors import ModelError
from mgc_models.models.alnet import ALNet
from mgc_models.models.bert import Bert, bert_encoder
from mgc_models.models.inception_v4 import SMALLEST_SIDE, InceptionV4, inception_features
from mgc_models.models.output import ModelOutput

__all__ = ["ModelOutput", "build_model"]


def build_model(model: Mapping[str, Any], n_genres: int, vocab_size: int | None, n_bands: int = 128) -> nn.Module:
    """Build a randomly initialised model; torch's generator decides the weights.

    Args:
        model: The resolved `[model]` settings: `name` and the sizes of that model.
        n_genres: Number of outputs C.
        vocab_size: Of the tokenizer; None for a model without lyrics.
        n_bands: Of the spectrogram.

    Returns:
        A module with `modalities`, called as `(audio [B, T, bands], tokens [B, L], token_mask [B, L])`, each None
        where the model does not read it, which returns a `ModelOutput`.

    Raises:
        ModelError: for an unknown name, or sizes that do not go together.
    """
    if model["name"] not in _BUILDERS:
        raise ModelError(f"model.name = {model['name']!r}: expected one of {', '.join(sorted(_BUILDERS))}")
    return _BUILDERS[model["name"]](model, n_genres, vocab_size, n_bands)


def _inception_v4(model: Mapping[str, Any], n_genres: int, vocab_size: int | None, n_bands: int) -> nn.Module:
    del vocab_size
    _check_bands(n_bands)
    return InceptionV4(n_genres, width=model["width"], blocks=model["blocks"])


def _bert(model: Mapping[str, Any], n_genres: int, vocab_size: int | None, n_bands: int) -> nn.Module:
    del n_bands
    return Bert(n_genres, _encoder(model, vocab_size))


def _alnet(model: Mapping[str, Any], n_genres: int, vocab_size: int | None, n_bands: int) -> nn.Module:
    _check_bands(n_bands)
    features, channels = inception_features(1, model["width"], model["blocks"])
    return ALNet(
        n_genres,
        features,
        channels,
        _encoder(model, vocab_size),
        fusion_width=model["fusion_width"],
        fusion_heads=model["fusion_heads"],
        fusion_intermediate=model["fusion_intermediate"],
        dropout=model["dropout"],
    )


def _encoder(model: Mapping[str, Any], vocab_size: int | None) -> BertModel:
    if vocab_size is None:
        raise ModelError(f"model.name = {model['name']!r} reads lyrics: expected the vocabulary size of a tokenizer")
    sizes = {key: model[key] for key in ("layers", "hidden", "heads", "intermediate")}
    return bert_encoder(**sizes, vocab_size=vocab_size)


def _check_bands(n_bands: int) -> None:
    if n_bands < SMALLEST_SIDE:
        raise ModelError(f"a spectrogram of {n_bands} bands: Inception-v4 expects at least {SMALLEST_SIDE}")


_BUILDERS: dict[str, Callable[[Mapping[str, Any], int, int | None, int], nn.Module]] = {
    "inception_v4": _inception_v4,
    "bert": _bert,
    "alnet": _alnet,
}
