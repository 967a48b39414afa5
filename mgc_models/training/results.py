"""Writes what a finished run leaves behind: predictions, weights, scores."""

import importlib.metadata
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgc_models.artifacts.preprocessing import preprocessing
from mgc_models.artifacts.run_folder import PREDICTIONS, TIMING, WEIGHTS, write_json, write_result
from mgc_models.artifacts.weights import save_weights
from mgc_models.config.run import FinetuneRun, PretrainRun, required
from mgc_models.data.batches import TrackData
from mgc_models.data.tracks import Fold
from mgc_models.evaluation.inference import predict_logits, scores_of, write_predictions
from mgc_models.evaluation.metrics import AT_A_THRESHOLD, Scores, best_threshold, example_based, label_based
from mgc_models.execution.run_log import duration
from mgc_models.execution.runtime import Runtime
from mgc_models.training.loop import LoopState
from mgc_models.training.step import TEMPERATURE

_LIBRARIES = ("numpy", "safetensors", "torch", "transformers")
_COVERED = "covered/"


def finish(
    run: FinetuneRun, folder: Path, state: LoopState, data: TrackData, fold: Fold, init: str, runtime: Runtime
) -> None:
    """Evaluate a trained model and write predictions, weights, timing, and last the result.

    Raises:
        TrainingError: if the model gives logits that are not finite numbers.
        StoppedError: if `runtime.stop` gave a reason.
    """
    began = time.monotonic()
    logits = _predict(run, state, data, fold.test, runtime)
    scores = scores_of(run, data, fold.test, logits)
    covered = _covered(run, data, fold.test, logits)
    values = {**scores.values, **_tuned(run, state, data, fold, logits, runtime)}
    values |= {f"{_COVERED}{name}": value for name, value in covered.values.items()} if covered else {}
    write_predictions(folder / PREDICTIONS, data.tracks, fold.test, logits)
    save_weights(folder / WEIGHTS, state.model, preprocessing(run, data), without=(TEMPERATURE,))
    write_json(folder / TIMING, _timing(state, len(fold.train), runtime, time.monotonic() - began))
    tested = {
        "tracks_test": len(fold.test) + fold.unlabelled_test,
        "tracks_unlabelled": scores.tracks_unlabelled + fold.unlabelled_test,
        "tracks_train_unlabelled": fold.unlabelled_train,
        "scores": values,
        "classes_scored": _classes("", scores) | (_classes(_COVERED, covered) if covered else {}),
        "genre_ap": _genre_ap(scores, data),
    }
    write_result(folder, _result(run, state, len(fold.train), init) | tested)
    _say_done(run, values, state, time.monotonic() - began, runtime)


def finish_pretraining(
    run: PretrainRun, folder: Path, state: LoopState, data: TrackData, init: str, runtime: Runtime
) -> None:
    """Write the weights of a pretrained model, timing, and last the result."""
    count = len(data.tracks.ids)
    save_weights(folder / WEIGHTS, state.model, preprocessing(run, data))
    write_json(folder / TIMING, _timing(state, count, runtime, 0.0))
    write_result(folder, _result(run, state, count, init))
    _say_done(run, state.history[-1], state, 0.0, runtime)


def _say_done(
    run: FinetuneRun | PretrainRun, values: dict[str, Any], state: LoopState, extra_s: float, runtime: Runtime
) -> None:
    defined = {name: value for name, value in values.items() if value is not None and "/" not in name}
    elapsed_s = state.elapsed_s + extra_s
    runtime.events.write("finished", elapsed_s=elapsed_s, **defined)
    shown = ", ".join(f"{name} {value:.4f}" for name, value in defined.items())
    runtime.log.info("run %s: done in %s: %s", run.run_id, duration(elapsed_s), shown)


def _predict(
    run: FinetuneRun, state: LoopState, data: TrackData, rows: NDArray[np.int64], runtime: Runtime
) -> NDArray[np.float32]:
    evaluate, train = required(run.settings.evaluate, "evaluate"), required(run.settings.train, "train")
    return predict_logits(state.model, data, rows, evaluate.crops, train.batch_size, runtime, run.run_id)


def _tuned(
    run: FinetuneRun, state: LoopState, data: TrackData, fold: Fold, logits: NDArray[np.float32], runtime: Runtime
) -> dict[str, float | None]:
    """Metrics at the threshold that is best on the validation part, and that threshold as a logit."""
    is_multi_label = required(run.settings.loss, "loss").classification == "bce"
    if not required(run.settings.evaluate, "evaluate").tune_threshold or not is_multi_label:
        return {}
    labels = data.tracks.labels
    if not labels[fold.validation].any():
        return dict.fromkeys(f"{name}_tuned" for name in (*AT_A_THRESHOLD, "threshold"))
    threshold = best_threshold(labels[fold.validation], _predict(run, state, data, fold.validation, runtime))
    labelled = labels[fold.test].any(axis=1)
    true, predicted = labels[fold.test][labelled], logits[labelled] > threshold
    values = {**example_based(true, predicted), **label_based(true, predicted)}
    return {f"{name}_tuned": value for name, value in values.items()} | {"threshold_tuned": threshold}


def _covered(run: FinetuneRun, data: TrackData, rows: NDArray[np.int64], logits: NDArray[np.float32]) -> Scores | None:
    """The same metrics on the tracks with lyrics alone; None where that is unknown, or the whole corpus has them.

    The tracks file says which these are, before what a model reads: else rows of one table would be scored on different
    tracks. That there are such scores does not hang on the fold either: else some folds would be missing in their mean.
    """
    found = data.tracks.has_lyrics
    if found is None and data.has_lyrics is not None:
        found = data.has_lyrics.cpu().numpy()
    if found is None or found.all():
        return None
    chosen = found[rows]
    return scores_of(run, data, rows[chosen], logits[chosen])


def _classes(prefix: str, scores: Scores) -> dict[str, int]:
    """Give, for each metric that is a mean over genres, how many genres it is the mean of."""
    return {f"{prefix}{name}": scores.classes_scored for name in scores.class_means}


def _genre_ap(scores: Scores, data: TrackData) -> list[dict[str, Any]]:
    return [
        {"genre": genre, "average_precision": float(value) if positives else None, "positives": int(positives)}
        for genre, value, positives in zip(data.tracks.genres, scores.genre_ap, scores.positives, strict=True)
    ]


def _result(run: FinetuneRun | PretrainRun, state: LoopState, tracks_train: int, init: str) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "parameters": sum(item.numel() for name, item in state.model.named_parameters() if name != TEMPERATURE),
        "init": init,
        "tracks_train": tracks_train,
        "versions": versions(),
        "epochs": [
            {"epoch": number, "metric": metric, "value": value}
            for number, means in enumerate(state.history, start=1)
            for metric, value in sorted(means.items())
        ],
    }


def versions() -> dict[str, str]:
    """Versions of what computed a result."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _LIBRARIES}}


def _timing(state: LoopState, tracks_train: int, runtime: Runtime, evaluation_s: float) -> dict[str, Any]:
    starts, ran = runtime.events.records("start"), runtime.executed_on
    # A resumed run may have gone on elsewhere: then all that it was computed with, in order.
    used = {key: "; ".join(dict.fromkeys(start.get(key, now) for start in starts)) for key, now in ran.items()}
    return {
        **used,
        "started_at": starts[0]["time"],
        "duration_wall_s": round(state.elapsed_s + evaluation_s, 3),
        "samples_per_s": round(state.epoch * tracks_train / max(state.elapsed_s, 1e-9), 3),
        "sessions": len(starts),
    }
