"""Overfitting one batch, the first test of any training code: every term of every model's loss can be learnt."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mgc_models.bench.cases import DEFAULT_READING, readings
from mgc_models.config.sections import TrainSettings
from mgc_models.training.loop import fit
from tests.unit.mgc_models.tiny_models import CASES, REGISTERED, TRACKS, Case, built
from tests.unit.mgc_models.tiny_runtime import runtime_in

_CLASSIFYING = {name: case for name, case in CASES.items() if case.pretrain is None and name in REGISTERED}
_CLASSIFYING |= {"jiang_mae": CASES["jiang_mae-fine-tuning"]}
_WIDER = {"hidden": 48, "heads": 4, "intermediate": 96, "decoder_hidden": 32, "decoder_heads": 4, "text_scale": "words"}
# Hidden noise can be learnt by heart where enough of a track is seen to tell which it is.
_EASY = {"mask_audio": 0.25, "mask_lyrics": 0.25, "norm_pixels": False}


def overfitted(case: Case, steps: int, rate: float, folder: Path) -> list[Mapping[str, float]]:
    """Mean losses of every step on one batch."""
    model, task, _ = built(case)
    settings = TrainSettings(epochs=steps, batch_size=TRACKS, learning_rate=rate)
    return fit("overfitted", model, task, settings, 5, runtime_in(folder)).history


def pretraining(reading: str) -> Case:
    """Of both modalities, with the loss of a reading."""
    return replace(CASES["jiang_mae-pretraining"], changes=_WIDER, pretrain={**_EASY, **readings()[reading]})


def assert_learnt(history: list[Mapping[str, float]]) -> None:
    for name in history[0]:
        if name.endswith("loss"):
            assert history[-1][name] < 0.5 * history[0][name], name


@pytest.mark.parametrize("name", _CLASSIFYING)
def test_every_term_of_a_classification_is_learnt_by_heart(tmp_path: Path, name: str) -> None:
    assert_learnt(overfitted(_CLASSIFYING[name], 40, 1e-2, tmp_path))


def test_every_model_of_the_registry_is_overfitted() -> None:
    assert set(_CLASSIFYING) == set(REGISTERED)


def test_every_term_of_the_default_pretraining_is_learnt_by_heart(tmp_path: Path) -> None:
    history = overfitted(pretraining(DEFAULT_READING), 120, 3e-3, tmp_path)
    assert_learnt(history)
    assert history[-1]["contrastive_accuracy"] > 0.9 > 3 * history[0]["contrastive_chance"]


@pytest.mark.parametrize(
    ("alone", "modalities"),
    [
        ({"reconstruction_weight": 0.0}, ["audio", "lyrics"]),
        ({"contrastive_weight": 0.0, "lyrics_weight": 0.0}, ["audio", "lyrics"]),
        ({}, ["audio"]),
        ({}, ["lyrics"]),
    ],
    ids=["contrast", "patches", "audio_model", "lyrics_model"],
)
def test_every_term_of_a_pretraining_is_learnt_alone(
    tmp_path: Path, alone: Mapping[str, float], modalities: list[str]
) -> None:
    case = pretraining(DEFAULT_READING)
    case = replace(case, changes={**_WIDER, "modalities": modalities}, pretrain={**case.pretrain, **alone})
    assert_learnt(overfitted(case, 80, 3e-3, tmp_path))
