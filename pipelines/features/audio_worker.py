"""Makes the shards of some tracks: decodes each file once, audits it, and computes all its spectrograms."""

import hashlib
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mgc_models.features.audio.decoding import AudioError, Decoded, decode
from mgc_models.features.audio.spectrograms import spectrograms
from mgc_models.regular_files import open_regular, why
from pipelines.datasets.common import Reject, as_text
from pipelines.features.audio_tasks import AudioFile, AuditRow, ShardOutcome, ShardTask, write_note
from warehouse.shards.writer import open_shard

# Codes of mgc_models.features.audio.decoding -> audio_status; everything else is unreadable.
STATUS_OF_ERROR = {"missing": "missing", "too_short": "short"}


def make_shards(task: ShardTask) -> ShardOutcome:
    """Write the shards of a task and its note; audio that cannot be used is audited and left out."""
    torch.set_num_threads(1)  # one worker per core; threads of workers would only fight
    outcome = ShardOutcome(task.number, [], [], [], [])
    with ExitStack() as stack:
        shards = [stack.enter_context(open_shard(path, spec)) for spec, path in task.shards]
        for file in task.files:
            row, arrays, reject = _extract(task, file)
            outcome.audit.append(row)
            outcome.rejects.extend([reject] if reject else [])
            if arrays:
                outcome.lengths.append((file.track_id, [len(array) for array in arrays]))
                for shard, array in zip(shards, arrays, strict=True):
                    shard.add(file.track_id, array)
    outcome.infos.extend(shard.info for shard in shards)
    write_note(task, outcome)
    return outcome


def _extract(task: ShardTask, file: AudioFile) -> tuple[AuditRow, list[NDArray[np.float16]], Reject | None]:
    """Audit one file; returns its row, its spectrograms if it is usable, and what is wrong with it, if anything."""
    path = task.root / file.name
    row = AuditRow(file.track_id, as_text(file.name), "unreadable", bytes=file.bytes, sha256=_sha256(path))
    try:
        decoded = decode(path)
        row = _described(row, decoded)
        status, reason, detail = _judged(row, decoded, task.min_duration_s)
        arrays = spectrograms(decoded, [spec.settings for spec, _ in task.shards]) if status == "ok" else []
    except AudioError as error:
        status = STATUS_OF_ERROR.get(error.reason, "unreadable")
        reason, detail, arrays = f"audio_{status}", str(error), []
    except OSError as error:
        status, reason, detail, arrays = "unreadable", "audio_unreadable", why(error), []
    reject = Reject(reason, file.track_id, row.audio_path, None, detail) if reason else None
    return row._replace(audio_status=status), arrays, reject


def _described(row: AuditRow, decoded: Decoded) -> AuditRow:
    channels, samples = decoded.samples.shape
    return row._replace(
        duration_s=samples / decoded.sample_rate_hz,
        sample_rate_hz=decoded.sample_rate_hz,
        channels=channels,
        peak=decoded.peak,
    )


def _judged(row: AuditRow, decoded: Decoded, min_duration_s: float) -> tuple[str, str, str]:
    """Status of a decoded file, and reason and detail where it is not used, not whole, or odd to its decoder."""
    duration_s = row.duration_s or 0.0
    if duration_s < min_duration_s:
        status, reason, what = "short", "audio_short", f"{duration_s:.3f} s, at least {min_duration_s:g} s are needed"
    elif row.peak == 0:
        status, reason, what = "silent", "audio_silent", f"{duration_s:.3f} s of zeros"
    elif decoded.truncated:
        what = f"ends after {duration_s:.3f} s, before its header says; what is there is used"
        status, reason = "ok", "audio_truncated"
    elif decoded.notes:
        status, reason, what = "ok", "audio_decoder_note", "what the decoder gave is used, in spite of its note"
    else:
        return "ok", "", ""
    return status, reason, "; ".join(filter(None, [what, decoded.notes]))


def _sha256(path: Path) -> str | None:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
