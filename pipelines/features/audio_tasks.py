"""Tasks and outcomes of an extraction worker, and the notes that let a killed extraction go on."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.datasets.common import Reject
from warehouse.shards.writer import FeatureSpec, ShardInfo
from warehouse.store import Store, replacing
from warehouse.verified import has_sha256


class AudioFile(NamedTuple):
    """The audio file of a track: name below the dataset's folder, size and time of last change."""

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
    """The shards to make of the same tracks, one of each feature.

    Attributes:
        number: Of the shards, from 0.
        shards: (feature, place) of each.
        note: Where the note on them goes.
        root: Folder that the names of the files lie below.
        min_duration_s: Shorter audio is no example.
        files: What goes in.
        fingerprint: Hash of everything that decides the content.
    """

    number: int
    shards: tuple[tuple[FeatureSpec, Path], ...]
    note: Path
    root: Path
    min_duration_s: float
    files: tuple[AudioFile, ...]
    fingerprint: str


@dataclass(frozen=True)
class ShardOutcome:
    """Findings of a worker while it made the shards of a task.

    Attributes:
        number: Of the shards.
        infos: Rows, size and checksum of each shard file.
        lengths: (track_id, frames of each feature) in the order of the shards.
        audit: Rows of core.audio_files.
        rejects: Rows of core.rejects.
    """

    number: int
    infos: list[ShardInfo]
    lengths: list[tuple[str, list[int]]]
    audit: list[AuditRow]
    rejects: list[Reject]


def write_note(task: ShardTask, outcome: ShardOutcome) -> None:
    """Remember finished shards; written after them, so that a note always stands for whole ones."""
    with replacing(task.note) as temporary:
        temporary.write_text(json.dumps({"fingerprint": task.fingerprint, "outcome": asdict(outcome)}) + "\n")


def read_note(store: Store, task: ShardTask) -> ShardOutcome | None:
    """Give the outcome of shards that are whole and were made from the same files; None if one has to be made."""
    try:
        note: dict[str, Any] = json.loads(task.note.read_text())
        if note["fingerprint"] != task.fingerprint:
            return None
        found = note["outcome"]
        outcome = ShardOutcome(
            found["number"],
            [ShardInfo(**info) for info in found["infos"]],
            [(track_id, lengths) for track_id, lengths in found["lengths"]],
            [AuditRow(*row) for row in found["audit"]],
            [Reject(*row) for row in found["rejects"]],
        )
        made = zip(task.shards, outcome.infos, strict=True)
        return outcome if all(has_sha256(store, path, info.sha256) for (_, path), info in made) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
