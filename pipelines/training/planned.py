"""From corpora, folds and features to the runs of a setting."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

from mgc_models.config.parsing import parse
from mgc_models.config.run import Settings as RunSettings
from pipelines.config import Settings
from pipelines.corpora.config import load_corpus
from pipelines.experiments import Plan, Pretraining, Setting, Source, TrainingData, blocked, pretrain_runs, runs_for
from pipelines.experiments.schema import GENRE_GRAPHS, IMPLEMENTED
from pipelines.experiments.status import missing_datasets
from pipelines.training.inputs import TrainingInputs, write_training_inputs
from warehouse.store import Store
from warehouse.tables import table_files

Run = dict[str, Any]


@dataclass(frozen=True)
class NotTrainable:
    """Why a setting cannot be trained with this configuration and these data."""

    reason: str


def features_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The stored features that a run with these settings reads."""
    parsed: RunSettings = parse(RunSettings, settings, "")
    return parsed.features


def training_data(store: Store, settings: Settings, setting: Setting) -> TrainingData | NotTrainable:
    """Write the training inputs of a setting's corpus and split if they are not there, and say where they are."""
    corpus, scheme = setting.data["corpus"], setting.data["scheme"]
    graph = setting.model in GENRE_GRAPHS
    inputs = _inputs(store, settings, setting, corpus, scheme, graph=graph)
    if isinstance(inputs, NotTrainable):
        return inputs
    labelled = Counter(fold for fold, labels in _folds(store, inputs) if labels)
    dataset = load_corpus(corpus).dataset
    data = TrainingData(corpus, dataset, scheme, inputs.corpus_hash, inputs.place, dict(labelled))
    reason = blocked(setting, data)
    return NotTrainable(reason) if reason else data


def runs_of(store: Store, settings: Settings, plan: Plan, setting: Setting) -> list[Run] | NotTrainable:
    """The runs of a setting on the data as they are; none for a setting that is only pretrained."""
    pretraining = plan.pretraining(setting)
    before = pretraining_runs_of(store, settings, plan, pretraining) if pretraining else []
    if isinstance(before, NotTrainable) or not setting.repetitions:
        return before if isinstance(before, NotTrainable) else []
    data = training_data(store, settings, setting)
    if isinstance(data, NotTrainable):
        return data
    pretrained = [run["run_id"] for run in before]
    return runs_for(plan, setting.setting_id, data, settings.weights, settings.data_kind, pretrained)


def pretraining_runs_of(
    store: Store, settings: Settings, plan: Plan, pretraining: Pretraining
) -> list[Run] | NotTrainable:
    """The runs of a pretraining on the data as they are."""
    sources = []
    for name in pretraining.corpora:
        scheme = pretraining.scheme if name == pretraining.setting.data["corpus"] else ""
        inputs = _inputs(store, settings, pretraining.setting, name, scheme)
        if isinstance(inputs, NotTrainable):
            return inputs
        sources.append(Source(name, load_corpus(name).dataset, inputs.place, inputs.corpus_hash))
    return pretrain_runs(plan, pretraining, sources, settings.weights, settings.data_kind)


def _inputs(
    store: Store, settings: Settings, setting: Setting, corpus: str, scheme: str, *, graph: bool = False
) -> TrainingInputs | NotTrainable:
    if missing := missing_datasets(setting.datasets, settings):
        return NotTrainable(missing)
    if not table_files(store, f"corpus.{corpus}") or not table_files(store, "corpus.folds"):
        return NotTrainable(f"corpus {corpus} has not been built yet (`dagster job execute -j data`)")
    features = features_of(setting.settings)
    bert = settings.weights.get("bert")
    inputs = write_training_inputs(store, load_corpus(corpus), scheme, features=features, graph=graph, bert=bert)
    return NotTrainable(inputs.status) if inputs.status else inputs


def _folds(store: Store, inputs: TrainingInputs) -> list[tuple[int, list[int]]]:
    table = pq.read_table(store.root / inputs.place, columns=["fold", "labels"])
    return list(zip(table["fold"].to_pylist(), table["labels"].to_pylist(), strict=True))


@dataclass(frozen=True)
class PlannedRuns:
    """Runs of the settings that can be trained, and why the others cannot.

    Attributes:
        runs: RUN mappings by setting_id, in the order of folds and seeds.
        reasons: By setting_id, why a setting whose model exists has no runs.
        pretrain: RUN mappings by name of the pretraining.
    """

    runs: Mapping[str, list[Run]]
    reasons: Mapping[str, str]
    pretrain: Mapping[str, list[Run]]

    def all_runs(self) -> list[Run]:
        """Every run once, pretrainings before what starts from them, else in plan order."""
        runs = [run for group in (*self.pretrain.values(), *self.runs.values()) for run in group]
        return list({run["run_id"]: run for run in reversed(runs)}.values())[::-1]

    def behind(self, plan: Plan) -> dict[str, list[Run]]:
        """By setting_id, the runs whose results a row shows: fine-tunings, or the pretraining where there are none."""
        return {name: runs or self.pretrain[plan.pretraining_of[name]] for name, runs in self.runs.items()}


def planned_runs(store: Store, plan: Plan, settings: Settings) -> PlannedRuns:
    """Work out the runs of every setting whose model exists, from the tables as they are in the store.

    Writes the training-inputs files that the runs read, where they are not there yet.
    """
    runs: dict[str, list[Run]] = {}
    pretrain: dict[str, list[Run]] = {}
    reasons: dict[str, str] = {}
    for setting in plan.settings.values():
        if setting.model not in IMPLEMENTED:
            continue
        pretraining = plan.pretraining(setting)
        if pretraining and pretraining.name not in pretrain:
            found = pretraining_runs_of(store, settings, plan, pretraining)
            if not isinstance(found, NotTrainable):
                pretrain[pretraining.name] = found
        group = runs_of(store, settings, plan, setting)
        if isinstance(group, NotTrainable):
            reasons[setting.setting_id] = group.reason
        else:
            runs[setting.setting_id] = group
    return PlannedRuns(runs, reasons, pretrain)


def finished_counts(plan: Plan, planned: PlannedRuns, own: Sequence[Run], finished: Collection[str]) -> dict[str, str]:
    """Finished runs of this job, `165 of 165`, and of the others, each under the name of the job that trains it.

    Args:
        plan: The plan.
        planned: Its runs.
        own: Those of this job; without any, as in a job that only reports, all are of others.
        finished: run_ids of the finished ones.
    """
    ids = {run["run_id"] for run in own}
    jobs: dict[str, list[str]] = {"this job": sorted(ids)} if ids else {}
    for run in planned.all_runs():
        if run["run_id"] not in ids:
            jobs.setdefault(f"job {plan.job_of(plan.users(run['setting_id']))}", []).append(run["run_id"])
    done = set(finished)
    return {name: f"{len(done.intersection(runs))} of {len(runs)}" for name, runs in jobs.items()}
