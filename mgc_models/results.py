"""What a finished run leaves behind: predictions, weights, scores."""

import importlib.metadata
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from mgc_models.banks import TOKENIZER_FILE
from mgc_models.checkpoints import save_weights
from mgc_models.data import Fold, TrackData
from mgc_models.evaluate import predict_logits, write_predictions
from mgc_models.loop import LoopState
from mgc_models.metrics import Scores, score
from mgc_models.progress import duration
from mgc_models.run_folder import RESULT, write_json
from mgc_models.runtime import Runtime
from mgc_models.spec import RunSpec, required

_LIBRARIES = ("numpy", "safetensors", "torch", "transformers")
_METRICS = ("accuracy", "precision", "recall", "f1", "map", "loss")


def finish(
    run: RunSpec, folder: Path, state: LoopState, data: TrackData, fold: Fold, init: str, runtime: Runtime
) -> None:
    """Evaluate a trained model and write predictions, weights, timing, and last the result.

    Raises:
        TrainingError: if the model gives logits that are not finite numbers.
        StoppedError: if `runtime.stop` gave a reason.
    """
    began = time.monotonic()
    evaluate, train = required(run.settings.evaluate, "evaluate"), required(run.settings.train, "train")
    logits = predict_logits(state.model, data, fold.test, evaluate.crops, train.batch_size, runtime, run.run_id)
    scores = score(data.tracks.labels[fold.test], logits, evaluate.threshold_logit)
    write_predictions(folder / "predictions.parquet", data.tracks, fold.test, logits)
    save_weights(folder / "model.safetensors", state.model, _preprocessing(run, data))
    write_json(folder / "timing.json", _timing(state, fold, runtime, time.monotonic() - began))
    write_json(folder / RESULT, _result(run, state, scores, data, fold, init))
    runtime.events.write("finished")
    shown = ", ".join(f"{name} {getattr(scores, name):.4f}" for name in _METRICS if getattr(scores, name) is not None)
    runtime.log.info("run %s: done in %s: %s", run.run_id, duration(state.elapsed_s + time.monotonic() - began), shown)


def _result(run: RunSpec, state: LoopState, scores: Scores, data: TrackData, fold: Fold, init: str) -> dict[str, Any]:
    genre_ap = [
        {"genre": genre, "average_precision": float(value) if positives else None, "positives": int(positives)}
        for genre, value, positives in zip(data.tracks.genres, scores.genre_ap, scores.positives, strict=True)
    ]
    return {
        "run_id": run.run_id,
        "parameters": sum(parameter.numel() for parameter in state.model.parameters()),
        "init": init,
        "tracks_train": len(fold.train),
        "tracks_test": len(fold.test),
        "tracks_unlabelled": scores.tracks_unlabelled,
        "versions": versions(),
        "scores": {name: getattr(scores, name) for name in _METRICS},
        "classes_scored": scores.classes_scored,
        "genre_ap": genre_ap,
        "epochs": [
            {"epoch": number, "metric": metric, "value": value}
            for number, means in enumerate(state.history, start=1)
            for metric, value in sorted(means.items())
        ],
    }


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _LIBRARIES}}


def _preprocessing(run: RunSpec, data: TrackData) -> dict[str, Any]:
    """What inputs must go through before these weights may see them."""
    settings = run.settings
    content: dict[str, Any] = {
        "genres": list(data.tracks.genres),
        "model": asdict(settings.model),
        "classification": required(settings.loss, "loss").classification,
        "crops": required(settings.evaluate, "evaluate").crops,
        "threshold_logit": required(settings.evaluate, "evaluate").threshold_logit,
    }
    if data.audio:
        spec = {"width": data.audio.spec.width, "settings": dict(data.audio.spec.settings)}
        content["audio"] = {**asdict(required(settings.audio, "audio")), **spec}
    if data.tokens:
        tokenizer = {"tokenizer_file": TOKENIZER_FILE, "vocab_size": data.tokens.vocab_size}
        content["text"] = {
            **asdict(required(settings.text, "text")),
            **tokenizer,
            "settings": dict(data.tokens.spec.settings),
        }
    return content


def _timing(state: LoopState, fold: Fold, runtime: Runtime, evaluation_s: float) -> dict[str, Any]:
    starts = runtime.events.times("start")
    on_cuda = runtime.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(runtime.device) if on_cuda else "cpu",
        "started_at": starts[0],
        "duration_wall_s": round(state.elapsed_s + evaluation_s, 3),
        "samples_per_s": round(state.epoch * len(fold.train) / max(state.elapsed_s, 1e-9), 3),
        "sessions": len(starts),
    }
