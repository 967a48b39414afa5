"""Checks what stored weights say of the inputs that they were trained on against what this code makes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from mgc_models.artifacts.run_folder import WEIGHTS
from mgc_models.config.inputs import INPUTS, InputFile
from mgc_models.config.models import ModelSettings
from mgc_models.errors import RunError
from mgc_models.features.config import feature_settings
from mgc_models.features.lyrics.keywords import STOP_WORDS_FILE
from warehouse.parsing import SpecError, parse
from warehouse.shards.writer import FeatureSpec
from warehouse.store import file_sha256


@dataclass(frozen=True)
class Input:
    """One input of a model.

    Attributes:
        section: Its settings: crop, tokens or words that are read.
        spec: The feature that it is made of.
        raw: All that the weights say of it.
    """

    section: Any
    spec: FeatureSpec
    raw: Mapping[str, Any]


@dataclass(frozen=True)
class Metadata:
    """The metadata of stored weights.

    Attributes:
        genres: Names, in the order of the logits.
        model: Its settings.
        threshold_logit: A genre is predicted when its logit is greater.
        crops: The part of a clip that evaluation used, `centre` or `all`.
        single_label: Whether a track has one genre, the most probable.
        inputs: What the model takes, by name of the input.
    """

    genres: tuple[str, ...]
    model: ModelSettings
    threshold_logit: float
    crops: str
    single_label: bool
    inputs: Mapping[str, Input]


def read_metadata(raw: Mapping[str, Any], folder: Path) -> Metadata:
    """Read the metadata of a run's weights.

    Args:
        raw: As stored.
        folder: Of the run, with the tokenizer and vocabulary that the weights name.

    Raises:
        RunError: if something is missing, a feature is no longer made as it was, or another tokenizer or vocabulary
            lies there.
    """
    where = folder / WEIGHTS
    try:
        model: ModelSettings = parse(cast("type", ModelSettings), raw["model"], "model")
        inputs = {name: _input(raw, name) for name in model.inputs}
        metadata = Metadata(
            genres=tuple(raw["genres"]),
            model=model,
            threshold_logit=float(raw["threshold_logit"]),
            crops=raw["crops"],
            single_label=raw["classification"] == "cross_entropy",
            inputs=inputs,
        )
    except KeyError as error:
        raise RunError(
            f"{where}: its metadata lack {error}. The code that trained it is older: train it again."
        ) from error
    except (SpecError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{where}: its metadata are not as this code writes them ({error}). Train it again.") from error
    for name, one in inputs.items():
        _check_feature(one.spec, where)
        _check_stop_words(one.spec, where)
        if (file := INPUTS[name].file) is not None:
            _check_file(file, one.spec, folder)
    return metadata


def _input(raw: Mapping[str, Any], name: str) -> Input:
    kind = INPUTS[name]
    found = raw[kind.section]
    section = parse(kind.settings, {item.name: found[item.name] for item in fields(kind.settings)}, kind.section)
    width = 1 if name == "tokens" else found["width"]
    return Input(section, FeatureSpec(section.feature, kind.dtype, width, found["settings"]), found)


def _check_feature(spec: FeatureSpec, where: Path) -> None:
    """Refuse a spectrogram that this code makes in another way."""
    if spec.dtype != "float16" or "sample_rate_hz" not in spec.settings:
        return
    try:
        ours = feature_settings(spec.name)
    except KeyError as error:
        raise RunError(f"{where}: trained on feature {spec.name}, which this code does not make") from error
    names = sorted({*ours, *spec.settings})
    differences = [
        f"{name} = {spec.settings.get(name)!r}, here {ours.get(name)!r}"
        for name in names
        if spec.settings.get(name) != ours.get(name)
    ]
    if differences:
        raise RunError(
            f"{where}: trained on another {spec.name} than this code makes: {'; '.join(differences)}. Use the version "
            "of the code that trained it, or train again."
        )


def _check_stop_words(spec: FeatureSpec, where: Path) -> None:
    """Refuse principal words that another list of stop words chose."""
    expected = spec.settings.get("stop_words_sha256")
    if expected is not None and (found := file_sha256(STOP_WORDS_FILE)) != expected:
        raise RunError(
            f"{where}: trained on {spec.name} chosen with another {STOP_WORDS_FILE.name} than this code has: SHA-256 "
            f"{found[:12]}…, expected {expected[:12]}…. Use the version of the code that trained it, or train again."
        )


def _check_file(file: InputFile, spec: FeatureSpec, folder: Path) -> None:
    """Refuse another tokenizer or vocabulary than the one that the model was trained with."""
    expected, path = spec.settings.get(file.checksum), folder / file.name
    if expected is None:
        return
    if not path.is_file():
        raise RunError(f"{path}: missing, and the model reads lyrics with it. Training leaves it there; copy it too.")
    if (found := file_sha256(path)) != expected:
        raise RunError(
            f"{path}: not the one that the model was trained with: SHA-256 {found[:12]}…, expected {expected[:12]}…"
        )
