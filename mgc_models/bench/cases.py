"""Builds what is timed: the loop of a real run, on features of a synthetic store."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mgc_models.bench.synthetic import DATASET, TRACKS_FILE, Sizes
from mgc_models.config.run import Settings, parse_settings, required
from mgc_models.config.sections import LossSettings, TrainSettings
from mgc_models.data.batches import Batch, TrackData
from mgc_models.data.load import Cache, CorpusSlice, DataContext, data_sizes, load_data
from mgc_models.data.tracks import read_tracks
from mgc_models.models import build_model
from mgc_models.training.objectives import Task, classification_task, pretraining_task
from mgc_models.training.optim import pretraining_as_training
from warehouse.parsing import read
from warehouse.store import Store

STAGES = ("pretrain", "finetune")
_PRESETS = Path(__file__).with_name("presets.toml")
_READINGS = Path(__file__).with_name("readings.toml")
DEFAULT_READING = "cavmae"  # of pipelines/experiments/jiang2024/base/mae.toml


@dataclass(frozen=True)
class Case:
    """A model and what it is trained with, ready for `loop.fit`."""

    model: nn.Module
    task: Task
    train: TrainSettings


@cache
def presets() -> Mapping[str, Mapping[str, Any]]:
    """The presets by name."""
    return read(_PRESETS, dict[str, dict[str, Any]])


@cache
def readings() -> Mapping[str, Mapping[str, Any]]:
    """Readings of the thesis' pretraining loss by name: settings of [pretrain]."""
    return read(_READINGS, dict[str, dict[str, Any]])


def preset_sizes(preset: str, tracks: int | None) -> Sizes:
    """Sizes of a preset's synthetic store; `tracks` replaces its number of tracks."""
    return Sizes(**{**presets()[preset]["sizes"], **({"tracks": tracks} if tracks else {})})


def preset_settings(
    preset: str,
    stage: str,
    batch_size: int | None = None,
    reading: str = DEFAULT_READING,
    changes: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings of a stage.

    Args:
        preset: Name of a preset.
        stage: One of `STAGES`.
        batch_size: Replaces the preset's.
        reading: Of the pretraining's loss.
        changes: Dotted settings that replace all others, `model.hidden` and the like.

    Raises:
        mgc_models.config.run.SpecError: for a setting that is none, or has another value than it may.
    """
    sections = {name: dict(values) for name, values in presets()[preset].items() if name != "sizes"}
    sections["pretrain"] |= readings()[reading]
    for key, value in (changes or {}).items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    for name in ("pretrain", "train"):
        sections[name]["batch_size"] = batch_size or sections[name]["batch_size"]
    common = {"seed": 0, "label_scope_policy": "drop_labels"}
    if stage == "pretrain":
        used = ("model", "audio", "text", "pretrain")
        return parse_settings({**common, **{name: sections[name] for name in used}}, "pretrain")
    rest = {"loss": {"classification": "bce"}, "evaluate": {"threshold_logit": -1.5, "crops": "centre"}}
    used = ("model", "audio", "text", "train")
    return parse_settings({**common, **{name: sections[name] for name in used}, **rest}, "finetune")


def build_case(store: Store, settings: Settings, stage: str, device: torch.device, cache: Cache) -> Case:
    """Load features and build the model, as the runner does."""
    torch.manual_seed(0)
    tracks = read_tracks(store.root / TRACKS_FILE)
    rows = np.arange(len(tracks.ids))
    part = tracks.unlabelled() if stage == "pretrain" else tracks
    data = load_data(settings, [CorpusSlice(DATASET, part, TRACKS_FILE)], rows, DataContext(store, device, cache))
    model = build_model(settings.model, data_sizes(data)).to(device)
    return Case(model, _task(settings, stage, data, model), _train_settings(settings, stage))


def _task(settings: Settings, stage: str, data: TrackData, model: nn.Module) -> Task:
    if stage == "pretrain":
        return pretraining_task(data, required(settings.pretrain, "pretrain"), model)
    return classification_task(data, np.arange(len(data.tracks.ids)), LossSettings("bce"))


def _train_settings(settings: Settings, stage: str) -> TrainSettings:
    if stage == "pretrain":
        return pretraining_as_training(required(settings.pretrain, "pretrain"))
    return required(settings.train, "train")


def without_data(task: Task) -> Task:
    """The same task on one batch over and over: what a step costs when no data have to be made."""

    def batches(order: Tensor, positions: Tensor, slices: Sequence[slice]) -> Generator[Batch, None, None]:
        first: Batch | None = None
        for place in slices:
            if first is None:
                first = next(iter(task.batches(order, positions, [place])))
            yield first

    return replace(task, batches=batches)
