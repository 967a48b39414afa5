"""The models, built from their settings. All share one call: `model(**batch.inputs) -> ModelOutput`."""

from torch import nn

from mgc_models.config.models import (
    AlnetSettings,
    BertSettings,
    HanCnnSettings,
    InceptionV4Settings,
    JiangMaeSettings,
    ModelSettings,
    PandeyaSettings,
    RuMgcSettings,
    SantanaSettings,
    WongChemelliSettings,
)
from mgc_models.data.shape import DataShape
from mgc_models.models.alnet import ALNet
from mgc_models.models.bert import Bert, lyrics_encoder
from mgc_models.models.common import ModelOutput
from mgc_models.models.han_cnn import HanCnn
from mgc_models.models.inception_v4 import InceptionV4, check_bands
from mgc_models.models.jiang_mae.model import JiangMae
from mgc_models.models.pandeya import Pandeya
from mgc_models.models.ru_mgc import RuMgc
from mgc_models.models.santana import Santana
from mgc_models.models.wong_chemelli import WongChemelli

__all__ = ["DataShape", "ModelOutput", "build_model"]


def build_model(settings: ModelSettings, shape: DataShape) -> nn.Module:
    """Build a randomly initialised model; torch's generator decides the weights.

    Args:
        settings: Settings of the model; their type says which one it is.
        shape: Sizes and tables that the data give; with `n_genres` 0 a `JiangMae` is built for pretraining.

    Returns:
        A module that is called with the inputs that its settings name, by keyword, and returns a `ModelOutput`: audio
        `[B, T, bands]`; tokens and token_mask `[B, L]`; words `[B, lines, words_per_line]` and has_lyrics `[B]`;
        word_vectors `[B, L, layers, D]`, word_mask `[B, L]` and has_lyrics `[B]`.

    Raises:
        ModelError: for sizes that do not go together, or data without what the model reads.
    """
    match settings:
        case InceptionV4Settings():
            check_bands(shape)
            return InceptionV4(shape.n_genres, width=settings.width, blocks=settings.blocks)
        case BertSettings():
            return Bert(shape.n_genres, lyrics_encoder(settings, shape))
        case AlnetSettings():
            return ALNet(settings, shape)
        case JiangMaeSettings():
            return JiangMae(settings, shape.n_genres, shape.n_bands or 0, shape.vocab_size)
        case RuMgcSettings():
            return RuMgc(settings, shape)
        case SantanaSettings():
            return Santana(shape.n_genres, settings.channels, settings.dropout)
        case PandeyaSettings():
            return Pandeya(settings, shape)
        case HanCnnSettings():
            return HanCnn(settings, shape)
        case WongChemelliSettings():
            return WongChemelli(settings, shape)
