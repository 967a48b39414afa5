"""Predictions on the test part of a fold."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mgc_models.data import TrackData, Tracks
from mgc_models.errors import StoppedError, TrainingError
from mgc_models.runtime import Runtime
from mgc_models.spec import required
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
    """Logits of some tracks; every track gets a row, also those of a smaller last batch.

    Args:
        model: On the device.
        data: Their inputs.
        rows: Which tracks, [n].
        crops: `centre` hears the middle crop; `all` takes the mean of the logits over the crops that follow each other
            without overlap from the start of the clip (a rest shorter than a crop is heard only in a clip that is
            itself shorter).
        batch_size: Crops at a time.
        runtime: Device, precision and reason to stop.
        run_id: Named in errors.

    Returns:
        [n, C].

    Raises:
        TrainingError: if a logit is not a finite number.
        StoppedError: if `runtime.stop` gave a reason.
    """
    model.eval()
    on_device = torch.from_numpy(rows).to(runtime.device)
    owners, starts = _crop_list(data, on_device, crops)
    parts = []
    for first in range(0, len(owners), batch_size):
        chosen = slice(first, first + batch_size)
        batch = data.batch(on_device[owners[chosen]], None if starts is None else starts[chosen])
        with runtime.autocast():
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
    """Which place in `rows` each crop belongs to, and its first frame; crops of one track are neighbours."""
    places = torch.arange(len(rows), device=rows.device)
    if data.audio is None or crops == "centre":
        return places, data.centre_starts(rows)
    frames = required(data.audio_settings, "audio").crop_frames
    counts = (data.audio.lengths[rows] // frames).clamp(min=1)
    owners = places.repeat_interleave(counts)
    before = (counts.cumsum(0) - counts)[owners]
    return owners, (torch.arange(len(owners), device=rows.device) - before) * frames


def _mean_per_owner(values: Tensor, owners: Tensor, count: int) -> NDArray[np.float32]:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, owners.cpu().numpy(), values.cpu().numpy())
    return (sums / np.bincount(owners.cpu().numpy(), minlength=count)[:, None]).astype(np.float32)


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
