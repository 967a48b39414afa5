"""Predictions on the test part of a fold."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mgc_models.config.run import FinetuneRun, required
from mgc_models.data.batches import TrackData
from mgc_models.data.tracks import Fold, Tracks
from mgc_models.errors import StoppedError, TrainingError
from mgc_models.evaluation.metrics import Scores, best_f1, log_softmax, score, single_label_scores
from mgc_models.execution.runtime import Runtime
from warehouse.store import replacing


@torch.no_grad()
def predict_logits(
    model: nn.Module,
    data: TrackData,
    rows: NDArray[np.int64],
    crops: str,
    batch_size: int,
    runtime: Runtime,
    run_id: str,
) -> NDArray[np.float32]:
    """Logits of some tracks, in float32; every track gets a row, also those of a smaller last batch.

    Args:
        model: On the device.
        data: Their inputs.
        rows: Which tracks, [n].
        crops: `centre` takes the middle crop; `all` takes the mean of the logits over the crops that follow each other
            without overlap from the start of the clip (a rest shorter than a crop is used only in a clip that is
            itself shorter).
        batch_size: Crops at a time.
        runtime: Reason to stop.
        run_id: Named in errors.

    Returns:
        [n, C].

    Raises:
        TrainingError: if a logit is not a finite number.
        StoppedError: if `runtime.stop` gave a reason.
    """
    model.eval()
    chosen = torch.from_numpy(rows)
    owners, starts = _crop_list(data, chosen, crops)
    slices = [slice(first, first + batch_size) for first in range(0, len(owners), batch_size)]
    parts = []
    with closing(data.batches(chosen[owners], starts, slices)) as batches:
        for batch in batches:
            # In float32 on every device: bf16 would move scores by a third of what folds differ.
            parts.append(model(**batch.inputs).logits.float())
            if reason := runtime.stop():
                raise StoppedError(f"run {run_id}: stopped while evaluating because {reason}")
    logits = _mean_per_owner(torch.cat(parts).double(), owners, len(rows))
    if bad := int((~np.isfinite(logits)).any(axis=1).sum()):
        raise TrainingError(
            f"run {run_id}: after the last epoch {bad} of {len(rows)} tracks have logits that are not finite numbers. "
            "Lower settings.train.learning_rate."
        )
    return logits


def _crop_list(data: TrackData, rows: Tensor, crops: str) -> tuple[Tensor, Tensor | None]:
    """Give the place in `rows` that each crop belongs to, and its first frame; crops of one track are neighbours."""
    places = torch.arange(len(rows))
    if data.audio is None or crops == "centre":
        return places, data.centre_starts(rows)
    frames = data.audio_frames
    counts = (data.audio.lengths[rows] // frames).clamp(min=1)
    owners = places.repeat_interleave(counts)
    before = (counts.cumsum(0) - counts)[owners]
    return owners, (torch.arange(len(owners)) - before) * frames


def _mean_per_owner(values: Tensor, owners: Tensor, count: int) -> NDArray[np.float32]:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, owners.numpy(), values.cpu().numpy())
    return (sums / np.bincount(owners.numpy(), minlength=count)[:, None]).astype(np.float32)


def scores_of(run: FinetuneRun, data: TrackData, rows: NDArray[np.int64], logits: NDArray[np.float32]) -> Scores:
    """The metrics of a run's kind of genres: several per track, or one."""
    labels = data.tracks.labels[rows]
    if required(run.settings.loss, "loss").classification == "bce":
        return score(labels, logits, required(run.settings.evaluate, "evaluate").threshold_logit)
    values = single_label_scores(data.tracks.first[rows], logits, data.tracks.genres)
    # The order of tracks within a genre follows from probabilities; logits alone have a different zero for each track.
    found = score(labels, log_softmax(logits).astype(np.float32), 0.0)
    return replace(found, values=values, class_means=("f1",))


def validation(run: FinetuneRun, data: TrackData, fold: Fold, runtime: Runtime) -> Callable[[nn.Module], float]:
    """What scores a model on the validation part, as `train.selection` says; 0 where no track can be scored."""
    evaluate, train = required(run.settings.evaluate, "evaluate"), required(run.settings.train, "train")

    def selection_score(model: nn.Module) -> float:
        rows = fold.validation
        logits = predict_logits(model, data, rows, evaluate.crops, train.batch_size, runtime, run.run_id)
        if train.selection == "f1_tuned":
            return best_f1(data.tracks.labels[rows], logits)
        return scores_of(run, data, rows, logits).values[train.selection] or 0.0

    return selection_score


def write_predictions(path: Path, tracks: Tracks, rows: NDArray[np.int64], logits: NDArray[np.float32]) -> None:
    """Write one line per test track: track_id, scores (logits, in genre order) and labels (indices of its genres)."""
    table = pa.table(
        {
            "track_id": pa.array([tracks.ids[row] for row in rows], pa.string()),
            "scores": pa.array(list(logits), pa.list_(pa.float32())),
            "labels": pa.array([np.flatnonzero(tracks.labels[row]).tolist() for row in rows], pa.list_(pa.int32())),
        }
    )
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
