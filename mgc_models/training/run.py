"""One run from its specification to its results: load, train, evaluate, write."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from logging import Logger
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mgc_models.artifacts.preprocessing import keep_files
from mgc_models.artifacts.run_folder import RESUME, SPEC, is_finished, only_one, write_json
from mgc_models.config.models import JiangMaeSettings, ModelSettings, RuMgcSettings
from mgc_models.config.run import FinetuneRun, JobSpec, PretrainRun, Run, Source, required
from mgc_models.config.sections import LossSettings
from mgc_models.data.batches import TrackData
from mgc_models.data.load import Cache, CorpusSlice, DataContext, data_sizes, load_data
from mgc_models.data.tracks import genre_graph, read_tracks, split_rows, without_fold
from mgc_models.errors import StoppedError
from mgc_models.evaluation.inference import validation
from mgc_models.execution.distributed import Group
from mgc_models.execution.run_log import EventLog, scalar_writer
from mgc_models.execution.runtime import Runtime
from mgc_models.models import build_model
from mgc_models.pretrained.load import load_pretrained
from mgc_models.pretrained.run import load_run
from mgc_models.training.balance import report_balance
from mgc_models.training.loop import fit
from mgc_models.training.objectives import classification_task, pretraining_task
from mgc_models.training.optim import pretraining_as_training
from mgc_models.training.results import finish, finish_pretraining
from mgc_models.training.step import TEMPERATURE
from warehouse.parsing import plain
from warehouse.store import Store


@dataclass(frozen=True)
class Worker:
    """The store, job, device and log that all runs of a job share."""

    store: Store
    job: JobSpec
    device: torch.device
    log: Logger
    stop: Callable[[], str | None]
    cache: Cache = field(default_factory=Cache)
    group: Group = field(default_factory=Group)

    @property
    def context(self) -> DataContext:
        """The store and device that features are loaded from and to."""
        return DataContext(self.store, self.device, self.cache)


def execute_run(run: Run, worker: Worker) -> None:
    """Train one run, and evaluate it, unless its result is there; resume it if it was begun.

    Only one process, or group of processes, works on a run: a second waits, and then finds the result.

    Args:
        run: The run; stored as `spec.json`.
        worker: Store, device, log.

    Raises:
        DataError, ShardError, ModelError, WeightsError: if something stored cannot be used.
        TrainingError: if the loss is not a finite number.
        StoppedError: if the worker should stop; the state is saved.
    """
    folder = worker.store.run(run.run_id)
    with only_one(folder, worker.log, worker.stop, worker.group):
        if worker.group.from_first(is_finished(folder)):
            worker.log.info("run %s: finished by another process, nothing to do", run.run_id)
            return
        if worker.group.first:
            write_json(folder / SPEC, plain(run))
        _work(run, folder, worker)


def _work(run: Run, folder: Path, worker: Worker) -> None:
    events = EventLog(folder / "events.jsonl", writes=worker.group.first)
    runtime = Runtime(
        device=worker.device,
        log=worker.log,
        events=events,
        resume_path=folder / RESUME,
        checkpoint_every_s=worker.job.checkpoint_every_s,
        compile=worker.job.compile,
        precision=worker.job.precision,
        stop=worker.stop,
        group=worker.group,
        **({"scalars": scalar_writer(folder, worker.log)} if worker.group.first else {}),
    )
    events.write("start", run_id=run.run_id, **runtime.executed_on)
    try:
        if isinstance(run, PretrainRun):
            _pretrain(run, folder, worker, runtime)
        else:
            _train_and_evaluate(run, folder, worker, runtime)
    except (ValueError, RuntimeError) as error:
        events.write("stopped" if isinstance(error, StoppedError) else "failed", message=str(error))
        raise


def _pretrain(run: PretrainRun, folder: Path, worker: Worker, runtime: Runtime) -> None:
    settings = required(run.settings.pretrain, "pretrain")
    sources = run.data.sources
    parts = [_unlabelled_part(source, run.data.exclude_fold, worker.store) for source in sources]
    rows = np.arange(sum(len(part.tracks.ids) for part in parts))
    data = load_data(run.settings, parts, rows, worker.context)
    seed = seed_of(run)
    _seed_everything(seed, worker)
    model = build_model(_pretrained_form(run), data_sizes(data))
    init = load_pretrained(model, run.weights)
    corpora = " and ".join(source.corpus for source in sources)
    _announce(run, worker, f"{len(rows)} tracks of {corpora} to pretrain on; weights: {init}")
    task = pretraining_task(data, settings, model)
    model, train = model.to(worker.device), pretraining_as_training(settings)
    report_balance(run.run_id, model, task, train, seed, runtime)
    state = fit(run.run_id, model, task, train, seed, runtime)
    if worker.group.first:
        finish_pretraining(run, folder, state, data, init, runtime)


def _unlabelled_part(source: Source, exclude_fold: int | None, store: Store) -> CorpusSlice:
    tracks = without_fold(read_tracks(store.root / source.tracks), exclude_fold)
    return CorpusSlice(source.dataset, tracks.unlabelled(), f"{source.tracks} without fold {exclude_fold}")


def _pretrained_form(run: PretrainRun) -> ModelSettings:
    """Settings of the model; one that reconstructs nothing has no decoder."""
    model = run.settings.model
    reconstructs = required(run.settings.pretrain, "pretrain").reconstruction_weight > 0
    return replace(model, decoder_layers=0) if isinstance(model, JiangMaeSettings) and not reconstructs else model


def _train_and_evaluate(run: FinetuneRun, folder: Path, worker: Worker, runtime: Runtime) -> None:
    settings, loss = run.settings, required(run.settings.loss, "loss")
    path = worker.store.root / run.data.tracks
    single_label = loss.classification == "cross_entropy"
    tracks = read_tracks(path)
    fold = split_rows(tracks, run.data, settings.label_scope_policy, single_label=single_label)
    tracks = tracks.single_label() if single_label else tracks
    data = load_data(settings, [CorpusSlice(run.data.dataset, tracks, run.data.tracks)], fold.train, worker.context)
    seed = seed_of(run)
    _seed_everything(seed, worker)
    model, init = _build(run, path, data, worker)
    parts = f"{len(fold.train)} tracks to train on, {len(fold.test)} to test on"
    if fold.unlabelled_train or fold.unlabelled_test:
        parts += f" ({fold.unlabelled_train} and {fold.unlabelled_test} more have no genre in scope and are left out)"
    _announce(run, worker, f"fold {run.data.fold}: {parts}; weights: {init}")
    task = classification_task(data, fold.train, loss)
    validate = validation(run, data, fold, runtime) if len(fold.validation) else None
    state = fit(run.run_id, model, task, required(settings.train, "train"), seed, runtime, validate)
    if worker.group.first:
        keep_files(run, worker.store)
        finish(run, folder, state, data, fold, init, runtime)


def _announce(run: Run, worker: Worker, what: str) -> None:
    processes = f" by {worker.group.size} processes" if worker.group.size > 1 else ""
    worker.log.info("run %s: %s, %s; on %s%s", run.run_id, run.setting_id, what, worker.device, processes)


def seed_of(run: Run) -> int:
    """Seed of everything random in a run: of the setting's seed and the fold, so that settings are compared alike."""
    fold = run.data.fold if isinstance(run, FinetuneRun) else run.data.exclude_fold
    digest = hashlib.sha256(json.dumps([run.settings.seed, fold]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _seed_everything(seed: int, worker: Worker) -> None:
    """Seed torch; all processes build the same model, and only then draw different dropout (see `loop.fit`)."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(worker.device.type == "cpu")
    if worker.device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True


def _build(run: FinetuneRun, path: Path, data: TrackData, worker: Worker) -> tuple[nn.Module, str]:
    """Build the model on the CPU, so that its random numbers are the same on every device, and load its weights."""
    sizes = data_sizes(data)
    model_settings = run.settings.model
    if isinstance(model_settings, RuMgcSettings) and model_settings.gcem:
        graph = genre_graph(path, data.tracks, run.data.fold, model_settings.gcn_graph)
        sizes = replace(sizes, genre_graph=graph)
    model = build_model(model_settings, sizes)
    if run.pretrained is None:
        init = load_pretrained(model, run.weights)
    else:
        init = load_run(model, worker.store.run(run.pretrained))
    _add_temperature(model, required(run.settings.loss, "loss"))
    return model.to(worker.device), init


def _add_temperature(model: nn.Module, settings: LossSettings) -> None:
    """Let the optimiser see a temperature that is learnt; it is no part of the stored weights."""
    if settings.learnable_temperature:
        model.register_parameter(TEMPERATURE, nn.Parameter(torch.tensor(settings.temperature).log()))
