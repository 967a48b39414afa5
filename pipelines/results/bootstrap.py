"""`report.bootstrap`: intervals of the scores over test tracks that are drawn again, with replacement."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mgc_models.artifacts.run_folder import PREDICTIONS, recorded_sha256, require_whole
from mgc_models.config.run import required
from mgc_models.errors import RunError
from pipelines.experiments.plan import Plan, Setting
from pipelines.incremental import Step
from pipelines.results.collect import RunFileError, remedy
from pipelines.results.finished import FinishedRuns
from pipelines.tables import typed_frame
from warehouse.store import Store, file_sha256

NAME = "report.bootstrap"
RESAMPLES = 2_000
SEED = 0
ENDS = (2.5, 97.5)
DIGITS = 9
VERSION = 2
STEP = Step("bootstrap", VERSION, settings={"resamples": RESAMPLES, "seed": SEED, "ends": ENDS}, libraries=("numpy",))
CELLS = 1 << 22  # weights held at once: 32 MiB
METRICS = ("accuracy", "f1", "map")

Floats = NDArray[np.float64]


def bootstrap(store: Store, plan: Plan, found: Mapping[str, FinishedRuns], resamples: int = RESAMPLES) -> pl.DataFrame:
    """Intervals of accuracy, F1 and mAP of every multi-label setting whose runs are all finished.

    Each run's test tracks are drawn again; a resample's score is the mean over the runs, as in `report.results`. Runs
    that are tested on the same tracks (seeds on one split) see the same draws.

    Args:
        store: Where the runs' predictions lie.
        plan: The plan.
        found: The finished runs of each setting.
        resamples: Number of draws.

    Raises:
        RunFileError: as `predictions`.
    """
    rows: list[dict[str, Any]] = []
    for setting, group in resampled_settings(plan, found):
        threshold = required(setting.settings.evaluate, "evaluate").threshold_logit
        parts = [predictions(store, run_id) for run_id in group.run_ids]
        folds = [fold for fold, _ in setting.repetitions]
        drawn = [resampled(*part, threshold, fold, resamples) for part, fold in zip(parts, folds, strict=True)]
        shared = {"setting_id": setting.setting_id, "resamples": resamples}
        tracks = sum({fold: len(labels) for fold, (labels, _) in zip(folds, parts, strict=True)}.values())
        for column, metric in enumerate(METRICS):
            values = np.mean([one[:, column] for one in drawn], axis=0)
            rows.append({**shared, "tracks_test": tracks, "metric": metric, **interval(values)})
    return typed_frame(NAME, rows)


def resampled_settings(plan: Plan, found: Mapping[str, FinishedRuns]) -> Iterator[tuple[Setting, FinishedRuns]]:
    """The multi-label settings whose runs are all finished."""
    for setting_id, group in found.items():
        setting = plan.settings[setting_id]
        if setting.repetitions and setting.classification == "bce" and len(group.run_ids) == len(setting.repetitions):
            yield setting, group


def drawn_from(store: Store, plan: Plan, found: Mapping[str, FinishedRuns]) -> dict[str, list[str | None]]:
    """By setting, the SHA-256 of the predictions of each of its runs; None where they are not there."""
    return {
        setting.setting_id: [
            (recorded_sha256(path.parent, path.name) or file_sha256(path))
            if (path := predictions_path(store, run_id)).is_file()
            else None
            for run_id in group.run_ids
        ]
        for setting, group in resampled_settings(plan, found)
    }


def predictions_path(store: Store, run_id: str) -> Path:
    """Where the predictions of a run lie."""
    return store.run(run_id) / PREDICTIONS


def predictions(store: Store, run_id: str) -> tuple[NDArray[np.bool_], Floats]:
    """Labels and logits of a run's test tracks that have a label, both `[N, C]`.

    Raises:
        RunFileError: if they are not there or cannot be read.
    """
    path = predictions_path(store, run_id)
    try:
        require_whole(path.parent, path.name)
        frame = pl.read_parquet(path).sort("track_id")
    except RunError as error:
        raise RunFileError(str(error)) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RunFileError(f"{path}: cannot be read: {error}. {remedy(path)}") from error
    logits = np.array(frame["scores"].to_list(), dtype=np.float64)
    labels = np.zeros(logits.shape, dtype=bool)
    for row, own in enumerate(frame["labels"]):
        labels[row, own.to_list()] = True
    kept = labels.any(axis=1)
    return labels[kept], logits[kept]


def resampled(labels: NDArray[np.bool_], logits: Floats, threshold: float, fold: int, resamples: int) -> Floats:
    """Scores of a run on the tracks as they are (first row) and on each draw: `[1 + resamples, metrics]`."""
    accuracy, f1 = per_track(labels, logits > threshold)
    scores = []
    for weights in draws(len(labels), fold, resamples):
        drawn = np.stack([weights @ accuracy, weights @ f1], axis=1) / len(labels)
        scores.append(np.column_stack([drawn, mean_average_precision(labels, logits, weights)]))
    return np.concatenate(scores)


def draws(tracks: int, fold: int, resamples: int) -> Iterator[Floats]:
    """How often each track is drawn, `[some resamples, tracks]`; the very first row draws each once."""
    random = np.random.default_rng([SEED, fold])
    yield np.ones((1, tracks))
    step = max(1, CELLS // tracks)
    for first in range(0, resamples, step):
        count = min(step, resamples - first)
        yield random.multinomial(tracks, np.full(tracks, 1 / tracks), size=count).astype(np.float64)


def per_track(labels: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Accuracy and F1 of each track (jiang2024, Eq. 5.1 and 5.4)."""
    common = (labels & predicted).sum(axis=1)
    sizes = labels.sum(axis=1) + predicted.sum(axis=1)
    return common / (sizes - common), 2 * common / sizes


def mean_average_precision(labels: NDArray[np.bool_], logits: Floats, weights: Floats) -> Floats:
    """Macro average precision under each draw, `[draws]`; genres that a draw leaves out do not count."""
    genres = range(labels.shape[1])
    found = np.stack([average_precision(labels[:, genre], logits[:, genre], weights) for genre in genres])
    scored = np.isfinite(found)
    return np.where(scored, found, 0).sum(axis=0) / np.maximum(scored.sum(axis=0), 1)


def average_precision(positive: NDArray[np.bool_], logits: Floats, weights: Floats) -> Floats:
    """Step-wise average precision (Eq. 5.7) of one genre under each draw; equal logits share a threshold; `[draws]`."""
    order = np.argsort(-logits, kind="stable")
    ranked = weights[:, order]
    last = np.flatnonzero(np.append(np.diff(logits[order]) != 0, True))
    hits = np.cumsum(ranked * positive[order], axis=1)[:, last]
    seen = np.cumsum(ranked, axis=1)[:, last]
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    total = hits[:, -1]
    summed = (np.diff(hits, axis=1, prepend=0) * precision).sum(axis=1)
    return np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)


def interval(values: Sequence[float] | Floats) -> dict[str, float]:
    """The score itself and both ends; `values` begins with the score."""
    low, high = np.percentile(values[1:], ENDS)
    shown = {"value": values[0], "low": low, "high": high}
    return {name: round(float(number), DIGITS) for name, number in shown.items()}
