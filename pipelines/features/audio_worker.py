"""Makes one shard of spectrograms: decodes each file once, audits it, and computes its log-mel filter bank."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from mgc_models.audio import AudioError, Decoded, decode, waveform
from mgc_models.features.fbank import fbank
from pipelines.datasets.rejects import Reject
from pipelines.features.tasks import AudioFile, AuditRow, ShardOutcome, ShardTask, write_note
from warehouse.shards import write_shard

# Codes of mgc_models.audio -> audio_status; everything else is unreadable.
STATUS_OF_ERROR = {"missing": "missing", "too_short": "short"}


def make_shard(task: ShardTask) -> ShardOutcome:
    """Write the shard of a task and its note; audio that cannot be used is audited and left out."""
    torch.set_num_threads(1)  # one worker per core; threads of workers would only fight
    audit: list[AuditRow] = []
    rejects: list[Reject] = []
    lengths: list[tuple[str, int]] = []
    info = write_shard(task.shard, task.spec, _arrays(task, audit, rejects, lengths))
    outcome = ShardOutcome(task.number, info, lengths, audit, rejects)
    write_note(task, outcome)
    return outcome


def _arrays(
    task: ShardTask, audit: list[AuditRow], rejects: list[Reject], lengths: list[tuple[str, int]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Give (track_id, float16 [T, bands]) of every usable file; fills audit, rejects and lengths on the way."""
    for file in task.files:
        row, frames, detail = _extract(task, file)
        audit.append(row)
        if detail:
            reason = "audio_truncated" if row.audio_status == "ok" else f"audio_{row.audio_status}"
            rejects.append(Reject(reason, file.track_id, row.audio_path, None, detail))
        if frames is not None:
            lengths.append((file.track_id, len(frames)))
            yield file.track_id, frames


def _extract(task: ShardTask, file: AudioFile) -> tuple[AuditRow, np.ndarray | None, str]:
    """Audit one file; returns its row, float16 [T, bands] if it is usable, and what is unusual about it."""
    path = task.folder / file.name
    row = AuditRow(file.track_id, f"{task.name}/{file.name}", "unreadable", bytes=file.bytes, sha256=_sha256(path))
    try:
        decoded = decode(path)
        row = _described(row, decoded)
        status, detail = _judged(row, decoded, task.min_duration_s)
        frames = None
        if status == "ok":
            frames = fbank(waveform(decoded, task.spec.settings), task.spec.settings).astype(np.float16)
        return row._replace(audio_status=status), frames, detail
    except AudioError as error:
        return row._replace(audio_status=STATUS_OF_ERROR.get(error.reason, "unreadable")), None, str(error)
    except OSError as error:
        return row, None, error.strerror or type(error).__name__


def _described(row: AuditRow, decoded: Decoded) -> AuditRow:
    channels, samples = decoded.samples.shape
    return row._replace(
        duration_s=samples / decoded.sample_rate_hz,
        sample_rate_hz=decoded.sample_rate_hz,
        channels=channels,
        peak=float(np.abs(decoded.samples).max()),
    )


def _judged(row: AuditRow, decoded: Decoded, min_duration_s: float) -> tuple[str, str]:
    """Status of a decoded file, and the reason where it is not used or not whole."""
    duration_s = row.duration_s or 0.0
    if duration_s < min_duration_s:
        return "short", f"{duration_s:.3f} s, at least {min_duration_s:g} s are needed"
    if row.peak == 0:
        return "silent", f"{duration_s:.3f} s of zeros"
    if decoded.truncated:
        return "ok", f"ends after {duration_s:.3f} s, before its header says; what is there is used"
    return "ok", ""


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
