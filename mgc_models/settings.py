"""The settings of a run: sections that belong together, and their checked reading. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from mgc_models.model_settings import ModelSettings
from mgc_models.sections import (
    AudioSettings,
    EvaluateSettings,
    LossSettings,
    PretrainSettings,
    TextSettings,
    TrainSettings,
    VectorsSettings,
    WordsSettings,
)
from mgc_models.spec_parser import Minimum, SpecError, parse

_SECTION_OF_INPUT = {"audio": "audio", "tokens": "text", "words": "words", "word_vectors": "vectors"}
_Section = TypeVar("_Section")


@dataclass(frozen=True)
class Settings:
    """Everything that can change a result; a section that a stage or model has no use for may be left out."""

    seed: Annotated[int, Minimum(0)]
    label_scope_policy: Literal["drop_labels", "drop_samples"]
    model: ModelSettings
    audio: AudioSettings | None = None
    text: TextSettings | None = None
    words: WordsSettings | None = None
    vectors: VectorsSettings | None = None
    pretrain: PretrainSettings | None = None
    train: TrainSettings | None = None
    loss: LossSettings | None = None
    evaluate: EvaluateSettings | None = None


def required(section: _Section | None, key: str) -> _Section:
    """The section, when it is there.

    Raises:
        SpecError: if it is not.
    """
    if section is None:
        raise SpecError(key, "a table of settings", "nothing (the section is missing)")
    return section


def parse_settings(raw: Mapping[str, Any], stage: str) -> Settings:
    """Read settings, and check that they go together and suffice for a stage.

    Args:
        raw: The resolved settings.
        stage: `pretrain` or `evaluate`.

    Raises:
        SpecError: for an unknown or missing key, a wrong type or a value out of range; names the dotted key.
    """
    settings: Settings = parse(Settings, raw, "")
    for name in settings.model.inputs:
        section = _SECTION_OF_INPUT[name]
        required(getattr(settings, section), section)
    if settings.audio and settings.audio.standardise == "fixed":
        for key in ("mean", "std"):
            if getattr(settings.audio, key) is None:
                raise SpecError(f"audio.{key}", "a value with standardise fixed", "nothing (the key is missing)")
    if stage == "pretrain":
        _check_pretrain(required(settings.pretrain, "pretrain"))
        _check_accumulate("pretrain", required(settings.pretrain, "pretrain"), settings.model)
    else:
        _check_train(required(settings.train, "train"))
        _check_accumulate("train", required(settings.train, "train"), settings.model)
        required(settings.loss, "loss")
        required(settings.evaluate, "evaluate")
    return settings


def _check_accumulate(key: str, section: PretrainSettings | TrainSettings, model: ModelSettings) -> None:
    if model.batch_norm and section.accumulate > 1:
        why = f"model {model.name} has batch normalisation, and a part's statistics are not those of the whole batch"
        raise SpecError(f"{key}.accumulate", f"1 ({why})", section.accumulate)


def _check_pretrain(section: PretrainSettings) -> None:
    if max(section.betas) >= 1:
        raise SpecError("pretrain.betas", "numbers below 1", list(section.betas))
    for key in ("mask_audio", "mask_lyrics"):
        if getattr(section, key) >= 1:
            raise SpecError(f"pretrain.{key}", "a share below 1", getattr(section, key))
    if not section.contrastive_weight and not section.reconstruction_weight:
        raise SpecError("pretrain.contrastive_weight", "a weight above 0 here or in reconstruction_weight", 0.0)


def _check_train(section: TrainSettings) -> None:
    if max(section.betas) >= 1:
        raise SpecError("train.betas", "numbers below 1", list(section.betas))
    if section.plateau and section.milestones:
        raise SpecError("train.milestones", "no milestones beside a plateau", list(section.milestones))
    if section.plateau and section.plateau.factor >= 1:
        raise SpecError("train.plateau.factor", "a number below 1", section.plateau.factor)
