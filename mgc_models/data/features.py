"""One stored feature of the tracks of a run, whichever datasets they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mgc_models.errors import DataError
from warehouse.shards.reader import FeatureReader
from warehouse.shards.writer import FeatureSpec


class Reader(Protocol):
    """A source of the arrays of tracks: `FeatureReader`, or songs in memory."""

    @property
    def folder(self) -> Path:
        """Folder of the feature's tokenizer or vocabulary."""

    @property
    def spec(self) -> FeatureSpec:
        """Specification of the arrays."""

    def read(self, track_id: str, start: int = 0, length: int | None = None) -> NDArray:
        """Part of a track, [length, width]."""


@dataclass(frozen=True, eq=False)
class FeatureView:
    """A feature, row by row.

    Attributes:
        spec: What the arrays are.
        readers: One per dataset.
        track_ids: Row k belongs to the k-th of these.
        owners: Which reader has it, [N].
        lengths: Frames, tokens or lines of each track; 0 for a track that the feature lacks; int64 [N].
    """

    spec: FeatureSpec
    readers: tuple[Reader, ...]
    track_ids: tuple[str, ...]
    owners: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def read(self, row: int, start: int = 0, length: int | None = None) -> NDArray:
        """Part of a track, [length, width], as `FeatureReader.read`; not for a row of length 0 that may be missing."""
        return self.readers[self.owners[row]].read(self.track_ids[row], start, length)


def stored_feature(parts: Sequence[tuple[FeatureReader, Sequence[str]]], *, may_lack: bool = False) -> FeatureView:
    """Put the tracks of several datasets one after the other.

    Args:
        parts: Each dataset's feature, and the tracks wanted of it.
        may_lack: Whether a track that the feature lacks has length 0, instead of being refused.

    Raises:
        DataError: if the feature lacks a track, or is not the same in all datasets.
    """
    spec = parts[0][0].spec
    for reader, _ in parts:
        if reader.spec != spec:
            raise DataError(
                f"feature {spec.name} in {reader.folder}: expected it as in {parts[0][0].folder}, {spec.json}, found "
                f"{reader.spec.json}. Delete one of the folders and run the job again from its data part."
            )
    return FeatureView(
        spec=spec,
        readers=tuple(reader for reader, _ in parts),
        track_ids=tuple(track_id for _, ids in parts for track_id in ids),
        owners=np.repeat(np.arange(len(parts)), [len(ids) for _, ids in parts]),
        lengths=np.concatenate([_lengths(reader, ids, may_lack) for reader, ids in parts]),
    )


def _lengths(reader: FeatureReader, track_ids: Sequence[str], may_lack: bool) -> NDArray[np.int64]:
    by_id = dict(zip(reader.track_ids, np.asarray(reader.lengths).tolist(), strict=True))
    missing = [] if may_lack else [track_id for track_id in track_ids if track_id not in by_id]
    if missing:
        raise DataError(
            f"feature {reader.spec.name}: expected {len(track_ids)} tracks, {len(missing)} are missing, the first is "
            f"{missing[0]!r}. Materialise the feature's asset again."
        )
    return np.array([by_id.get(track_id, 0) for track_id in track_ids], dtype=np.int64)
