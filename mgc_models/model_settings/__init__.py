"""The `[model]` settings: one frozen dataclass per model, told apart by `name`. Imports no torch.

Every class has `inputs`: which of "audio", "tokens", "words" and "word_vectors" its model takes; and `batch_norm`:
whether the model has batch normalisation, so that a batch cannot be worked through in parts. A new model adds its class
to the union, and its builder to `mgc_models.models`.
"""

from mgc_models.model_settings.baselines import AlnetSettings, BertSettings, InceptionV4Settings
from mgc_models.model_settings.jiang_mae import JiangMaeSettings
from mgc_models.model_settings.nandy2021 import HanCnnSettings
from mgc_models.model_settings.ru2023 import PandeyaSettings, RuMgcSettings, SantanaSettings
from mgc_models.model_settings.wongchemelli2023 import WongChemelliSettings

__all__ = [
    "AlnetSettings",
    "BertSettings",
    "HanCnnSettings",
    "InceptionV4Settings",
    "JiangMaeSettings",
    "ModelSettings",
    "PandeyaSettings",
    "RuMgcSettings",
    "SantanaSettings",
    "WongChemelliSettings",
]

ModelSettings = (
    InceptionV4Settings
    | BertSettings
    | AlnetSettings
    | JiangMaeSettings
    | RuMgcSettings
    | SantanaSettings
    | PandeyaSettings
    | HanCnnSettings
    | WongChemelliSettings
)
