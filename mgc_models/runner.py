"""One run from its specification to its results: load, train, evaluate, write."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from logging import Logger
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mgc_models.banks import AudioBank, TokenBank, audio_bank, token_bank
from mgc_models.data import Fold, TrackData, Tracks, read_tracks, split_rows
from mgc_models.errors import DeviceError, ModelError, StoppedError
from mgc_models.loop import LoopState, fit
from mgc_models.models import DataSizes, build_model
from mgc_models.preprocessing import keep_files
from mgc_models.progress import EventLog
from mgc_models.results import finish
from mgc_models.run_folder import RESUME, is_finished, only_one, write_json
from mgc_models.runtime import Runtime
from mgc_models.spec import JobSpec, PretrainRun, RunSpec, required
from mgc_models.tasks import classification_task
from mgc_models.weights import load_pretrained
from warehouse.shards import open_feature
from warehouse.store import Store


@dataclass
class FeatureCache:
    """The features of the last run, kept on the device for the next one that uses the same."""

    audio: tuple[tuple[str, ...], AudioBank] | None = None
    text: tuple[tuple[str, ...], TokenBank] | None = None


@dataclass(frozen=True)
class Worker:
    """What all runs of a job share."""

    store: Store
    job: JobSpec
    device: torch.device
    log: Logger
    stop: Callable[[], str | None]
    cache: FeatureCache = field(default_factory=FeatureCache)


def choose_device(name: str) -> torch.device:
    """`auto`: the CUDA device if there is one, else the CPU.

    Raises:
        DeviceError: if a CUDA device is asked for and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name}: this machine has {torch.cuda.device_count()} CUDA devices. Use auto or cpu.")
    return device


def execute_run(run: RunSpec | PretrainRun, raw: Mapping[str, Any], worker: Worker) -> None:
    """Train and evaluate one run, unless its result is there; resume it if it was begun.

    Only one process works on a run: a second waits, and then finds the result.

    Args:
        run: The run.
        raw: The same as it stood in the job; stored as `spec.json`.
        worker: Store, device, log.

    Raises:
        DataError, ShardError, ModelError, WeightsError: if something stored cannot be used.
        TrainingError: if the loss is not a finite number.
        StoppedError: if the worker should stop; the state is saved.
    """
    if isinstance(run, PretrainRun):
        raise ModelError(f"run {run.run_id}: pretraining has no model yet")
    folder = worker.store.run(run.run_id)
    with only_one(folder, worker.log, worker.stop):
        if is_finished(folder):
            worker.log.info("run %s: finished by another process, nothing to do", run.run_id)
            return
        write_json(folder / "spec.json", raw)
        _train_and_evaluate(run, folder, worker)


def _train_and_evaluate(run: RunSpec, folder: Path, worker: Worker) -> None:
    events = EventLog(folder / "events.jsonl")
    events.write("start", run_id=run.run_id)
    runtime = Runtime(
        device=worker.device,
        log=worker.log,
        events=events,
        resume_path=folder / RESUME,
        checkpoint_every_s=worker.job.checkpoint_every_s,
        compile=worker.job.compile,
        stop=worker.stop,
    )
    try:
        trained = _train(run, worker, runtime)
        keep_files(run, worker.store)
        finish(run, folder, *trained, runtime)
    except (ValueError, RuntimeError) as error:
        events.write("stopped" if isinstance(error, StoppedError) else "failed", message=str(error))
        raise


def _train(run: RunSpec, worker: Worker, runtime: Runtime) -> tuple[LoopState, TrackData, Fold, str]:
    tracks = read_tracks(worker.store.root / run.data.tracks)
    fold = split_rows(tracks, run.data.fold, run.settings.label_scope_policy)
    data = _load_data(run, tracks, worker)
    seed = seed_of(run)
    _seed_everything(seed, worker.device)
    model, init = _build(run, data, worker.device)
    worker.log.info(
        "run %s: %s, fold %d: %d tracks to train on, %d to test on; weights: %s; on %s",
        run.run_id,
        run.setting_id,
        run.data.fold,
        len(fold.train),
        len(fold.test),
        init,
        worker.device,
    )
    task = classification_task(
        data, torch.from_numpy(fold.train).to(worker.device), required(run.settings.loss, "loss")
    )
    return fit(run.run_id, model, task, required(run.settings.train, "train"), seed, runtime), data, fold, init


def seed_of(run: RunSpec) -> int:
    """Seed of everything random in a run: of the setting's seed and the fold, so that settings are compared alike."""
    digest = hashlib.sha256(json.dumps([run.settings.seed, run.data.fold]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _seed_everything(seed: int, device: torch.device) -> None:
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(device.type == "cpu")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True


def _build(run: RunSpec, data: TrackData, device: torch.device) -> tuple[nn.Module, str]:
    """Build the model on the CPU, so that its random numbers are the same on every device, and load its weights."""
    model = build_model(
        asdict(run.settings.model),
        DataSizes(
            n_genres=data.labels.shape[1],
            n_bands=data.audio.spec.width if data.audio else None,
            n_frames=run.settings.audio.crop_frames if run.settings.audio else None,
            vocab_size=data.tokens.vocab_size if data.tokens else None,
        ),
    )
    init = load_pretrained(model, run.weights)
    return model.to(device), init


def _load_data(run: RunSpec, tracks: Tracks, worker: Worker) -> TrackData:
    settings, cache = run.settings, worker.cache
    where = (run.data.dataset, run.data.tracks)
    if "audio" in settings.model.inputs:
        feature = required(settings.audio, "audio").feature
        key = (feature, *where)
        if cache.audio is None or cache.audio[0] != key:
            cache.audio = None  # first makes room for what follows
            reader = open_feature(worker.store.feature(feature, run.data.dataset))
            cache.audio = key, audio_bank(reader, tracks.ids, worker.device)
    if "tokens" in settings.model.inputs:
        text = required(settings.text, "text")
        text_key = (text.feature, str(text.max_tokens), *where)
        if cache.text is None or cache.text[0] != text_key:
            reader = open_feature(worker.store.feature(text.feature, run.data.dataset))
            cache.text = text_key, token_bank(reader, tracks.ids, text.max_tokens, worker.device)
    return TrackData(
        tracks=tracks,
        labels=torch.from_numpy(tracks.labels).to(worker.device),
        audio=cache.audio[1] if cache.audio and "audio" in settings.model.inputs else None,
        tokens=cache.text[1] if cache.text and "tokens" in settings.model.inputs else None,
        audio_settings=settings.audio,
    )
