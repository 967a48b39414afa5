"""Read features from shards; writing them is in `shard_files`, whose names are offered here too.

A shard is mapped, not decoded: where the bytes of a row lie follows from the footer and the lengths.
"""

import json
import mmap
import os
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.shards.writer import (
    DATA_JOB,
    DTYPES,
    FIELDS,
    PREFIX_BYTES,
    REMEDY,
    SPEC,
    VERSION,
    FeatureSpec,
    ShardError,
    ShardInfo,
    open_shard,
    verify_shard,
    write_shard,
)
from warehouse.store import FORMAT_VERSION

__all__ = [
    "FeatureReader",
    "FeatureSpec",
    "ShardError",
    "ShardInfo",
    "open_feature",
    "open_shard",
    "read_spec",
    "verify_shard",
    "write_shard",
]

MAPPED_FILES = 512  # below the usual limit of 1,024 open files


@dataclass(frozen=True, eq=False)
class _ShardIndex:
    path: Path
    signature: tuple[int, int, int]
    spec: FeatureSpec
    track_ids: list[str]
    lengths: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True, eq=False)
class FeatureReader:
    """All tracks of one feature of one dataset; holds places, no data, so it can be sent to another process.

    Attributes:
        folder: Where the shards are.
        spec: What the arrays are.
        track_ids: Tracks in the order of the shards.
        lengths: Length of each track, int32 [tracks].
    """

    folder: Path
    spec: FeatureSpec
    track_ids: list[str]
    lengths: np.ndarray
    _shards: list[_ShardIndex] = field(repr=False)
    _shard_of: np.ndarray = field(repr=False)
    _offsets: np.ndarray = field(repr=False)

    @cached_property
    def _position(self) -> dict[str, int]:
        return {track_id: position for position, track_id in enumerate(self.track_ids)}

    def __contains__(self, track_id: str) -> bool:
        return track_id in self._position

    def __len__(self) -> int:
        return len(self.track_ids)

    def read(self, track_id: str, start: int = 0, length: int | None = None) -> np.ndarray:
        """Give frames (tokens) `start` to `start + length` of a track as a read-only view [length, width] of the file.

        Args:
            track_id: Which track.
            start: First frame, from 0.
            length: Number of frames; None: all that follow.

        Raises:
            ShardError: if the track or range is not there, or the shard was damaged or replaced since it was opened.
        """
        position = self._position.get(track_id)
        if position is None:
            raise ShardError(
                f"{self.spec.name} in {self.folder} holds {len(self):,} tracks, and {track_id!r} is not one."
            )
        total = int(self.lengths[position])
        count = total - start if length is None else length
        if start < 0 or count < 0 or start + count > total:
            raise ShardError(
                f"{self.spec.name} of track {track_id!r} has length {total}; asked for {count} from {start}."
            )
        shard = self._shards[self._shard_of[position]]
        offset = int(self._offsets[position])
        mapped = _mapped(shard.path, shard.signature)
        frame_bytes = self.spec.frame_bytes
        stored = int.from_bytes(mapped[offset - PREFIX_BYTES : offset], "little")
        # An empty array's length is also read from behind the end of the file, where a damaged footer may point to.
        if stored != total * frame_bytes or not PREFIX_BYTES <= offset <= len(mapped) - stored:
            raise ShardError(f"Shard {shard.path} is damaged at track {track_id!r}. {REMEDY}")
        first = offset + start * frame_bytes
        return np.frombuffer(mapped, DTYPES[self.spec.dtype], count * self.spec.width, first).reshape(
            count, self.spec.width
        )


def open_feature(folder: Path) -> FeatureReader:
    """Open all shards of a folder: footers, ids and lengths are read, the data stay on disk.

    Raises:
        ShardError: naming the file, if there is no shard, one is damaged, two differ in their specification, or a track
            is in two.
    """
    folder = folder.absolute()  # files are mapped later, perhaps from another working folder
    paths = sorted(folder.glob("shard-*.parquet"))
    if not paths:
        raise ShardError(f"No shards in {folder}. Run `dagster job execute -j data` first.")
    shards = [_open_shard(path) for path in paths]
    spec = shards[0].spec
    for shard in shards:
        if shard.spec != spec:
            raise ShardError(
                f"Shard {shard.path} was made with {shard.spec.json}, "
                f"and {shards[0].path.name} with {spec.json}. {REMEDY}"
            )
    track_ids = [track_id for shard in shards for track_id in shard.track_ids]
    if len(set(track_ids)) < len(track_ids):
        _refuse_repeated(shards)
    return FeatureReader(
        folder,
        spec,
        track_ids,
        np.concatenate([shard.lengths for shard in shards]),
        shards,
        np.repeat(np.arange(len(shards), dtype=np.int32), [len(shard.track_ids) for shard in shards]),
        np.concatenate([shard.offsets for shard in shards]),
    )


def _open_shard(path: Path) -> _ShardIndex:
    try:
        signature = _signature(path)
        with pq.ParquetFile(path, memory_map=True) as file:
            spec = _stored_spec(file.schema_arrow)
            rows = file.read(columns=["track_id", "length"], use_threads=False)
            lengths = rows["length"].to_numpy().astype(np.int32)
            offsets = _offsets(file.metadata, lengths.astype(np.int64) * spec.frame_bytes, signature[1])
        return _ShardIndex(path, signature, spec, rows["track_id"].to_pylist(), lengths, offsets)
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, ShardError) as error:
        raise _not_a_shard(path, error) from error


def read_spec(path: Path) -> FeatureSpec:
    """Give what a shard holds, from its footer.

    Raises:
        ShardError: naming the file, if it is damaged or no shard.
    """
    try:
        return _stored_spec(pq.read_schema(path))
    except (pa.ArrowException, OSError, KeyError, ValueError, TypeError, ShardError) as error:
        raise _not_a_shard(path, error) from error


def _not_a_shard(path: Path, error: Exception) -> ShardError:
    return ShardError(f"Shard {path} is damaged or is no shard: {error}. {REMEDY}")


def _stored_spec(schema: pa.Schema) -> FeatureSpec:
    metadata = schema.metadata or {}
    if [(field.name, field.type) for field in schema] != [(field.name, field.type) for field in FIELDS]:
        raise ValueError(f"expected columns {', '.join(map(str, FIELDS))}; found {', '.join(map(str, schema))}")
    if metadata[VERSION] != str(FORMAT_VERSION).encode():
        raise ValueError(f"it has format {metadata[VERSION].decode()}, this code reads {FORMAT_VERSION}")
    return FeatureSpec(**json.loads(metadata[SPEC]))


def _offsets(metadata: pq.FileMetaData, sizes: np.ndarray, file_bytes: int) -> np.ndarray:
    """Give the place of every row's data in the file, int64 [rows], from the footer and the sizes in bytes."""
    places, first = [np.empty(0, np.int64)], 0
    for group in range(metadata.num_row_groups):
        chunk = metadata.row_group(group).column(2)
        # Sizes tell; asking a damaged footer for its codec ends the process (pyarrow 26).
        if chunk.total_compressed_size != chunk.total_uncompressed_size or chunk.has_dictionary_page:
            raise ValueError("the data column is not plain and uncompressed")
        taken = sizes[first : first + chunk.num_values] + PREFIX_BYTES
        header = chunk.total_compressed_size - int(taken.sum())
        end = chunk.data_page_offset + chunk.total_compressed_size
        if len(taken) != chunk.num_values or header <= 0 or end > file_bytes:
            raise ValueError("footer, lengths and data do not agree")
        places.append(chunk.data_page_offset + header + PREFIX_BYTES + np.cumsum(taken) - taken)
        first += chunk.num_values
    if first != len(sizes):
        raise ValueError(f"the footer counts {first} rows and there are {len(sizes)} lengths")
    return np.concatenate(places)


def _signature(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=MAPPED_FILES)
def _mapped(path: Path, signature: tuple[int, int, int]) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if (status.st_ino, status.st_size, status.st_mtime_ns) != signature:
                raise ShardError(f"Shard {path} was replaced after the feature was opened; open it again.")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ShardError(f"Shard {path} cannot be read: {error.strerror}. {REMEDY}") from error


def _refuse_repeated(shards: list[_ShardIndex]) -> None:
    first: dict[str, Path] = {}
    for shard in shards:
        if len(set(shard.track_ids)) < len(shard.track_ids):
            raise ShardError(f"Shard {shard.path} holds a track twice. {REMEDY}")
        for track_id in shard.track_ids:
            before = first.setdefault(track_id, shard.path)
            if before != shard.path:
                raise ShardError(
                    f"Track {track_id!r} is in {before} and in {shard.path}. Delete both, then run {DATA_JOB} again."
                )
