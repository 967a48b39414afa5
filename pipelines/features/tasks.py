"""What an extraction worker is given and gives back, and the notes that let a killed extraction go on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.currency import content_hash
from pipelines.datasets.rejects import Reject
from warehouse.shards import FeatureSpec, ShardInfo
from warehouse.store import replacing


class AudioFile(NamedTuple):
    """The audio file of a track: name below the audio folder, size and time of last change."""

    track_id: str
    name: str
    bytes: int
    mtime_ns: int


class AuditRow(NamedTuple):
    """A row of core.audio_files without its dataset."""

    track_id: str
    audio_path: str | None
    audio_status: str
    duration_s: float | None = None
    sample_rate_hz: int | None = None
    channels: int | None = None
    peak: float | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class ShardTask:
    """One shard to make.

    Attributes:
        number: Of the shard, from 0.
        shard: Where it goes.
        note: Where the note on it goes.
        spec: What the arrays are.
        folder: Folder of the audio files.
        name: Its name below the dataset.
        min_duration_s: Shorter audio is no example.
        files: What goes in.
        fingerprint: Hash of everything that decides the content.
    """

    number: int
    shard: Path
    note: Path
    spec: FeatureSpec
    folder: Path
    name: str
    min_duration_s: float
    files: tuple[AudioFile, ...]
    fingerprint: str


@dataclass(frozen=True)
class ShardOutcome:
    """What a worker found while it made a shard.

    Attributes:
        number: Of the shard.
        info: Rows, size and checksum of the shard file.
        lengths: (track_id, frames) in the order of the shard.
        audit: Rows of core.audio_files.
        rejects: Rows of core.rejects.
    """

    number: int
    info: ShardInfo
    lengths: list[tuple[str, int]]
    audit: list[AuditRow]
    rejects: list[Reject]


def shard_fingerprint(version: str, spec: FeatureSpec, min_duration_s: float, files: tuple[AudioFile, ...]) -> str:
    """Hash of what decides a shard: code, specification, and names, sizes and times of the files."""
    return content_hash(version, spec.hash, min_duration_s, files)


def write_note(task: ShardTask, outcome: ShardOutcome) -> None:
    """Remember a finished shard; written after the shard, so that a note always stands for a whole one."""
    with replacing(task.note) as temporary:
        temporary.write_text(json.dumps({"fingerprint": task.fingerprint, "outcome": asdict(outcome)}) + "\n")


def read_note(task: ShardTask) -> ShardOutcome | None:
    """Give the outcome of a shard that is there and was made from the same files; None if it has to be made."""
    try:
        note: dict[str, Any] = json.loads(task.note.read_text())
        if note["fingerprint"] != task.fingerprint:
            return None
        found = note["outcome"]
        outcome = ShardOutcome(
            found["number"],
            ShardInfo(**found["info"]),
            [(track_id, length) for track_id, length in found["lengths"]],
            [AuditRow(*row) for row in found["audit"]],
            [Reject(*row) for row in found["rejects"]],
        )
        return outcome if task.shard.stat().st_size == outcome.info.bytes else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
