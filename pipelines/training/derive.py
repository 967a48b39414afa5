"""Derives from corpora, folds and features the runs of every setting, and the files that they read."""

from collections.abc import Callable, Sequence
from functools import cache, partial

from mgc_models.config.run import FinetuneRun, PretrainRun
from pipelines.config import Settings
from pipelines.corpora.config import load_corpus
from pipelines.experiments import (
    Plan,
    Pretraining,
    Setting,
    Source,
    TrainingData,
    blocked,
    pretrain_runs,
    runs_for,
)
from pipelines.experiments.plan import GENRE_GRAPHS
from pipelines.experiments.status import missing_datasets
from pipelines.tables import cannot_be_read, has_rows
from pipelines.training.inputs import NotTrainableError, write_training_inputs
from pipelines.training.planned import PlannedRuns
from warehouse.store import Store
from warehouse.tables import table_files

WriteInputs = Callable[[tuple[str, ...], str, str, tuple[str, ...], bool], TrainingData]


def derived_runs(store: Store, plan: Plan, settings: Settings) -> PlannedRuns:
    """Derive the runs of every setting from the tables, and write the files that they read."""
    runs: dict[str, list[FinetuneRun]] = {}
    pretrain: dict[str, list[PretrainRun]] = {}
    reasons: dict[str, str] = {}
    write: WriteInputs = cache(partial(_write_inputs, store, settings))
    for setting in plan.settings.values():
        pretraining = plan.pretraining(setting)
        try:
            if pretraining and pretraining.name not in pretrain:
                pretrain[pretraining.name] = _pretraining_runs(plan, pretraining, settings, write)
            before = [run.run_id for run in pretrain[pretraining.name]] if pretraining else []
            runs[setting.setting_id] = _setting_runs(plan, setting, settings, before, write)
        except NotTrainableError as reason:
            reasons[setting.setting_id] = str(reason)
    return PlannedRuns(runs, reasons, pretrain)


def _write_inputs(
    store: Store,
    settings: Settings,
    datasets: tuple[str, ...],
    corpus: str,
    scheme: str,
    features: tuple[str, ...],
    graph: bool,
) -> TrainingData:
    """Write what runs on a corpus and split read.

    Raises:
        NotTrainableError: if a dataset is not configured or cannot be read, or as `write_training_inputs`.
    """
    if missing := missing_datasets(datasets, settings):
        raise NotTrainableError(missing)
    if why := _unreadable(store, corpus):
        raise NotTrainableError(why)
    if not table_files(store, f"corpus.{corpus}") or not table_files(store, "corpus.folds"):
        raise NotTrainableError(f"corpus {corpus} has not been built yet (`dagster job execute -j data`)")
    bert = settings.weights.get("bert")
    return write_training_inputs(store, load_corpus(corpus), scheme, features=features, graph=graph, bert=bert)


def _unreadable(store: Store, corpus: str) -> str:
    """Why a corpus is empty, if that is because a dataset of it cannot be read."""
    if has_rows(store, f"corpus.{corpus}", "all"):
        return ""
    return next((why for dataset in load_corpus(corpus).datasets if (why := cannot_be_read(store, dataset))), "")


def _pretraining_runs(
    plan: Plan, pretraining: Pretraining, settings: Settings, write: WriteInputs
) -> list[PretrainRun]:
    setting, sources = pretraining.setting, []
    for name in pretraining.corpora:
        scheme = pretraining.scheme if name == setting.data.corpus else ""
        data = write(setting.datasets, name, scheme, setting.settings.features, False)
        sources.append(Source(data.corpus, data.dataset, data.tracks, data.corpus_hash))
    return pretrain_runs(plan, pretraining, sources, settings.weights, settings.data_kind)


def _setting_runs(
    plan: Plan, setting: Setting, settings: Settings, pretrained: Sequence[str], write: WriteInputs
) -> list[FinetuneRun]:
    if not setting.repetitions:
        return []
    corpus, scheme = setting.data.corpus, setting.data.scheme
    graph = setting.model in GENRE_GRAPHS
    data = write(setting.datasets, corpus, scheme, setting.settings.features, graph)
    if reason := blocked(setting, data):
        raise NotTrainableError(reason)
    return runs_for(plan, setting.setting_id, data, settings.weights, settings.data_kind, pretrained)
