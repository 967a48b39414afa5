"""The planted experiments: planned as the works are, but that each repetition has a corpus of its own."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from mgc_models.config.run import FinetuneRun, PretrainRun, Source
from pipelines.config import DataKind
from pipelines.experiments import Plan, Pretraining, TrainingData, load_plan, pretrain_runs, runs_for
from pipelines.experiments.schema import EXPERIMENTS
from pipelines.planted.files import drawn_data
from pipelines.planted.worlds import World
from pipelines.training.planned import PlannedRuns

ROOT = EXPERIMENTS / "planted"
PROFILE = "sample"
DATA_KIND: DataKind = "sample"


def load_planted(worlds: Mapping[str, World], root: Path = ROOT) -> Plan:
    """The plan of the planted experiments.

    Raises:
        PlanError: as `load_plan`.
    """
    return load_plan(PROFILE, root, [world.corpus for world in worlds.values()])


def planted_runs(plan: Plan, worlds: Mapping[str, World]) -> PlannedRuns:
    """The runs of every setting: the n-th of its seeds on the corpus drawn with that seed, pretraining included."""
    runs: dict[str, list[FinetuneRun]] = {}
    pretrain: dict[str, list[PretrainRun]] = {}
    for setting in plan.settings.values():
        seeds = [seed for _, seed in setting.repetitions]
        drawn = [drawn_data(worlds[setting.data.corpus], seed) for seed in seeds]
        pretraining = plan.pretraining(setting)
        before: list[tuple[str, ...]] = [()] * len(drawn)
        if pretraining:
            first = pretrain.setdefault(pretraining.name, [*map(partial(_pretrained, plan, pretraining), seeds, drawn)])
            before = [(run.run_id,) for run in first]
        runs[setting.setting_id] = [
            runs_for(plan, setting.setting_id, data, {}, DATA_KIND, start)[place]
            for place, (data, start) in enumerate(zip(drawn, before, strict=True))
        ]
    return PlannedRuns(runs, {}, pretrain)


def _pretrained(plan: Plan, pretraining: Pretraining, seed: int, data: TrainingData) -> PretrainRun:
    """A pretraining on all tracks of one corpus."""
    seeded = replace(pretraining, settings=replace(pretraining.settings, seed=seed))
    source = Source(data.corpus, data.dataset, data.tracks, data.corpus_hash)
    return pretrain_runs(plan, seeded, [source], {}, DATA_KIND)[0]
