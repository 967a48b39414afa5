"""Feature shards: Parquet files that any tool reads, and that training reads in place.

A shard has one row per track: track_id, length (frames or tokens) and data, the little-endian bytes of the array
[length, width]. The data column is stored plain, uncompressed, without nulls and with one page per row group, so the
bytes of a row lie at a place that follows from the footer and the lengths. A crop is then a slice of the mapped file:
no decoding, no copy, and only the pages of that crop are read from disk.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.store import FORMAT_VERSION, file_sha256, replacing

SPEC = b"mgc.spec"
VERSION = b"mgc.format_version"
DTYPES: Mapping[str, np.dtype[Any]] = {"float16": np.dtype("<f2"), "int32": np.dtype("<i4")}
ROW_GROUP = 16
PREFIX_BYTES = 4  # Parquet stores a binary value as its length (uint32) and its bytes.
DATA_JOB = "`dagster job execute -j data`"
REMEDY = f"Delete it and run {DATA_JOB} again; only this shard is computed anew."
FIELDS = [
    pa.field("track_id", pa.string(), nullable=False),
    pa.field("length", pa.int32(), nullable=False),
    pa.field("data", pa.binary(), nullable=False),
]


class ShardError(RuntimeError):
    """A shard or a feature that cannot be used; the message names the file or track, what was found and the remedy."""


@dataclass(frozen=True)
class FeatureSpec:
    """The specification of a feature; equal hashes mean equal features.

    Attributes:
        name: For example `fbank_16k`.
        dtype: `float16` or `int32`.
        width: Values per frame or token.
        settings: Everything that decides the values, as JSON values.
    """

    name: str
    dtype: str
    width: int
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Refuse what no shard can hold.

        Raises:
            ShardError: for an unknown dtype or a width below 1.
        """
        if self.dtype not in DTYPES or self.width < 1:
            raise ShardError(
                f"Feature {self.name}: expected dtype {' or '.join(DTYPES)} and a width of at least 1, "
                f"found {self.dtype!r} and {self.width}."
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame or token."""
        return DTYPES[self.dtype].itemsize * self.width

    @property
    def json(self) -> str:
        """The specification as canonical JSON."""
        content = {"name": self.name, "dtype": self.dtype, "width": self.width, "settings": dict(self.settings)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of `json`."""
        return hashlib.sha256(self.json.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ShardInfo:
    """A written shard: rows, bytes of the file, and its SHA-256."""

    rows: int
    bytes: int
    sha256: str


class ShardWriter:
    """A shard that is being written, see `open_shard`.

    Attributes:
        info: What was written; there once the shard is in place.
    """

    info: ShardInfo

    def __init__(self, spec: FeatureSpec, writer: pq.ParquetWriter) -> None:
        self._spec, self._writer = spec, writer
        self._seen, self._rows = set[str](), list[tuple[str, np.ndarray]]()

    def add(self, track_id: str, array: np.ndarray) -> None:
        """Add one track; its array must not change any more.

        Raises:
            ShardError: if the array has another dtype or shape or is not finite, or the track comes twice.
        """
        if track_id in self._seen:
            raise ShardError(f"Track {track_id!r} comes twice in one shard of {self._spec.name}.")
        self._seen.add(track_id)
        self._rows.append((track_id, _checked(self._spec, track_id, array)))
        if len(self._rows) == ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what was added as one row group."""
        if self._rows:
            self._writer.write_batch(_encode(self._rows, self._writer.schema))
        self._rows = []

    @property
    def rows(self) -> int:
        """Tracks added."""
        return len(self._seen)


@contextmanager
def open_shard(path: Path, spec: FeatureSpec) -> Iterator[ShardWriter]:
    """Write one shard track by track; it is put in place in one step when the block ends without an error.

    Args:
        path: `<store>/features/<feature>/<dataset>/shard-00000.parquet`.
        spec: What the arrays are: [length, width], or [length] where width is 1.
    """
    metadata = {SPEC: spec.json.encode(), VERSION: str(FORMAT_VERSION).encode()}
    with replacing(path) as temporary:
        with pq.ParquetWriter(
            temporary,
            pa.schema(FIELDS, metadata),
            compression={"track_id": "zstd", "length": "zstd", "data": "none"},
            use_dictionary=False,
            write_statistics=["track_id", "length"],
            data_page_size=2**30,
            version="2.6",
            data_page_version="1.0",
        ) as writer:
            shard = ShardWriter(spec, writer)
            yield shard
            shard.flush()
        shard.info = ShardInfo(shard.rows, temporary.stat().st_size, file_sha256(temporary))


def write_shard(path: Path, spec: FeatureSpec, rows: Iterable[tuple[str, np.ndarray]]) -> ShardInfo:
    """Write one shard of (track_id, array) and put it in place in one step.

    Raises:
        ShardError: if an array has another dtype or shape or is not finite, or a track comes twice.
    """
    with open_shard(path, spec) as shard:
        for track_id, array in rows:
            shard.add(track_id, array)
    return shard.info


def verify_shard(path: Path, sha256: str) -> None:
    """Compare a shard's bytes with the checksum taken when it was written.

    Raises:
        ShardError: if they differ or the file cannot be read.
    """
    try:
        found = file_sha256(path)
    except OSError as error:
        raise ShardError(f"Shard {path} cannot be read: {error.strerror}. {REMEDY}") from error
    if found != sha256:
        raise ShardError(f"Shard {path} has SHA-256 {found}, written was {sha256}: it is damaged. {REMEDY}")


def _encode(batch: list[tuple[str, np.ndarray]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        [track_id for track_id, _ in batch],
        [len(array) for _, array in batch],
        [array.tobytes() for _, array in batch],
    ]
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema
    )


def _checked(spec: FeatureSpec, track_id: str, array: np.ndarray) -> np.ndarray:
    where = f"{spec.name} of track {track_id!r}"
    dtype = DTYPES[spec.dtype]
    if array.dtype != dtype:
        raise ShardError(f"{where}: expected {spec.dtype}, found {array.dtype}.")
    if array.shape[1:] != (spec.width,) and (array.ndim, spec.width) != (1, 1):
        raise ShardError(f"{where}: expected shape [length, {spec.width}], found {list(array.shape)}.")
    # The exponent of a value that is not finite has all bits set; NumPy converts every value to tell.
    if dtype.kind == "f" and array.size and (array.view(np.uint16) & 0x7FFF).max() >= 0x7C00:
        raise ShardError(f"{where}: {int((~np.isfinite(array)).sum())} of {array.size} values are not finite.")
    return array
