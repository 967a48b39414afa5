"""The SHA-256 that a Parquet file carries of itself, so that a flipped byte anywhere in it is found before it is read.

Parquet's own page checksums cover neither the footer nor the headers of pages, and DuckDB and polars verify none. The
checksum is an entry of the footer, taken over all bytes of the file with its own digits as zeros: it goes wherever the
file goes, and equal rows still give equal bytes.
"""

import hashlib
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

KEY = "mgc.sha256"
ERRORS_OF_A_BROKEN_FILE = (pa.ArrowException, OSError, UnicodeDecodeError)
_BLANK = b"0" * 64
# As the footer (Thrift's compact protocol) writes the key and the length of its value.
_BEFORE_DIGITS = b"\x18\x0a" + KEY.encode() + b"\x18\x40"
_MAGIC, _TAIL_BYTES = b"PAR1", 8  # the file ends with the length of the footer and the magic
_CHUNK_BYTES = 1 << 20
_LOOKS_KEPT = 4096
_CLOCK_NS = 2_000_000_000  # file systems keep times no coarser than this


def write_parquet(rows: pa.Table, path: Path, **options: Any) -> None:
    """Write a table as a Parquet file with the checksum in its footer; `options` go to `pyarrow.parquet.ParquetWriter`.

    The file is not whole before this returns: write under a temporary name (`warehouse.store.replacing`).
    """
    row_group_size = options.pop("row_group_size", None)
    with pq.ParquetWriter(path, rows.schema, write_page_checksum=True, **options) as writer:
        writer.write_table(rows, row_group_size)
        writer.add_key_value_metadata({KEY: _BLANK.decode()})
    place = _place_of_digits(path)
    if place is None:
        raise RuntimeError(f"{path}: this version of pyarrow writes the footer in another way than is expected here.")
    digits = _sha256_without_digits(path, place)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(digits)


def carries_checksum(path: Path) -> bool:
    """Whether a Parquet file was written with the checksum; files of earlier versions were not."""
    return _place_of_digits(path) is not None


def damage(path: Path) -> str:
    """Say what is wrong with the bytes of a Parquet file; empty if nothing is.

    Of a file of an earlier version, which carries no checksum, the checksums of its pages are compared. A file is read
    once per process, size and time of change.
    """
    try:
        status = path.stat()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if time.time_ns() - status.st_mtime_ns < _CLOCK_NS:  # another change may leave the same time
        return _damage.__wrapped__(path, None)
    return _damage(path, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=_LOOKS_KEPT)
def _damage(path: Path, _looks: tuple[int, int, int] | None) -> str:
    try:
        place = _place_of_digits(path)
        if place is None:
            return _damaged_page(path)
        found, stored = _sha256_without_digits(path, place), _digits(path, place)
    except ERRORS_OF_A_BROKEN_FILE as error:
        return f"it cannot be read ({error})"
    return "" if found == stored else "its bytes are not those that were written (SHA-256)"


def _damaged_page(path: Path) -> str:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            file.read_row_group(group)
    return ""


def _place_of_digits(path: Path) -> int | None:
    """Where in the file the digits of the checksum are; None if there are none, as in a file that is no Parquet."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < _TAIL_BYTES:
            return None
        file.seek(size - _TAIL_BYTES)
        tail = file.read(_TAIL_BYTES)
        start = size - _TAIL_BYTES - int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or start < 0:
            return None
        file.seek(start)
        found = file.read().rfind(_BEFORE_DIGITS)
    place = start + found + len(_BEFORE_DIGITS)
    return place if found >= 0 and place + len(_BLANK) <= size else None


def _digits(path: Path, place: int) -> bytes:
    with path.open("rb") as file:
        file.seek(place)
        return file.read(len(_BLANK))


def _sha256_without_digits(path: Path, place: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = place
        while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
        file.seek(place + len(_BLANK))
        digest.update(_BLANK)
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest().encode()
