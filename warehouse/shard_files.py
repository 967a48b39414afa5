"""Feature shards: Parquet files that any tool reads, and that training reads in place.

A shard has one row per track: track_id, length (frames or tokens) and data, the little-endian bytes of the array
[length, width]. The data column is stored plain, uncompressed, without nulls and with one page per row group, so the
bytes of a row lie at a place that follows from the footer and the lengths. A crop is then a slice of the mapped file:
no decoding, no copy, and only the pages of that crop are read from disk.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
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
MEND = f"Delete it and run {DATA_JOB} again; only this shard is computed anew."
FIELDS = [
    pa.field("track_id", pa.string(), nullable=False),
    pa.field("length", pa.int32(), nullable=False),
    pa.field("data", pa.binary(), nullable=False),
]


class ShardError(RuntimeError):
    """A shard or a feature that cannot be used; the message names the file or track, what was found and the mend."""


@dataclass(frozen=True)
class FeatureSpec:
    """What a feature is; equal hashes mean equal features.

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
    """What was written: rows, bytes of the file, and its SHA-256."""

    rows: int
    bytes: int
    sha256: str


def write_shard(path: Path, spec: FeatureSpec, rows: Iterable[tuple[str, np.ndarray]]) -> ShardInfo:
    """Write one shard and put it in place in one step.

    Args:
        path: `<store>/features/<feature>/<dataset>/shard-00000.parquet`.
        spec: What the arrays are.
        rows: (track_id, array [length, width], or [length] where width is 1).

    Raises:
        ShardError: if an array has another dtype or shape or is not finite, or a track comes twice.
    """
    metadata = {SPEC: spec.json.encode(), VERSION: str(FORMAT_VERSION).encode()}
    schema, seen, remaining = pa.schema(FIELDS, metadata), set[str](), iter(rows)
    with replacing(path) as temporary:
        with pq.ParquetWriter(
            temporary,
            schema,
            compression={"track_id": "zstd", "length": "zstd", "data": "none"},
            use_dictionary=False,
            write_statistics=["track_id", "length"],
            data_page_size=2**30,
            version="2.6",
            data_page_version="1.0",
        ) as writer:
            while batch := list(islice(remaining, ROW_GROUP)):
                writer.write_batch(_encode(spec, batch, seen, schema))
        return ShardInfo(len(seen), temporary.stat().st_size, file_sha256(temporary))


def verify_shard(path: Path, sha256: str) -> None:
    """Compare a shard's bytes with the checksum taken when it was written.

    Raises:
        ShardError: if they differ or the file cannot be read.
    """
    try:
        found = file_sha256(path)
    except OSError as error:
        raise ShardError(f"Shard {path} cannot be read: {error.strerror}. {MEND}") from error
    if found != sha256:
        raise ShardError(f"Shard {path} has SHA-256 {found}, written was {sha256}: it is damaged. {MEND}")


def _encode(
    spec: FeatureSpec, batch: list[tuple[str, np.ndarray]], seen: set[str], schema: pa.Schema
) -> pa.RecordBatch:
    arrays = []
    for track_id, array in batch:
        if track_id in seen:
            raise ShardError(f"Track {track_id!r} comes twice in one shard of {spec.name}.")
        seen.add(track_id)
        arrays.append(_checked(spec, track_id, array))
    columns = [
        [track_id for track_id, _ in batch],
        [len(array) for array in arrays],
        [array.tobytes() for array in arrays],
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
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise ShardError(f"{where}: {int((~np.isfinite(array)).sum())} of {array.size} values are not finite.")
    return array
