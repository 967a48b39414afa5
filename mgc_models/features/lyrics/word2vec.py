"""Vectors of some words from a word2vec binary file, which is read once from start to end and never held whole.

The format has no specification but its readers: a line `<words> <dimensions>`, then each word up to a space and its
little-endian float32 values. Some writers end each vector with a line break, others do not.
"""

import gzip
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from mgc_models.errors import WeightsError

_HEADER = re.compile(rb"(\d{1,12}) (\d{1,5})\s*\n")
_CHUNK_BYTES = 2**20
_LONGEST_WORD_BYTES = 4096
_GZIP = b"\x1f\x8b"


def read_word2vec(path: Path, wanted: Collection[str]) -> tuple[int, dict[str, NDArray[np.float32]]]:
    """Read the vectors of the `wanted` words that the file holds, spelt exactly so; of a repeated word, the first.

    Args:
        path: Binary file, also compressed by gzip as GoogleNews is distributed.
        wanted: Words.

    Returns:
        Dimensions D of the file, and word -> float32 `[D]`.

    Raises:
        WeightsError: if the file has no such header, ends early, goes on after its last word, or holds values that are
            not finite.
    """
    names = {word.encode(): word for word in wanted}
    found: dict[str, NDArray[np.float32]] = {}
    try:
        with _open(path) as file:
            count, dimensions = _header(path, file)
            for raw, values in _entries(path, file, count, 4 * dimensions):
                word = names.get(raw)
                if word is not None and word not in found:
                    found[word] = _vector(path, word, values)
    except (OSError, EOFError) as error:
        raise WeightsError(f"{path}: cannot be read to its end ({error}). {_REMEDY}") from error
    return dimensions, found


_REMEDY = "Set MGC_WORD2VEC to a word2vec binary file as downloaded, or unset it to count vectors from the lyrics."


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(path, "rb")) if compressed else path.open("rb")


def _header(path: Path, file: IO[bytes]) -> tuple[int, int]:
    line = file.readline(100)
    match = _HEADER.fullmatch(line)
    if not match or not int(match[2]):
        raise WeightsError(f"{path}: expected a first line `<words> <dimensions>`, found {line[:40]!r}. {_REMEDY}")
    return int(match[1]), int(match[2])


def _entries(path: Path, file: IO[bytes], count: int, width: int) -> Iterator[tuple[bytes, bytes]]:
    """Give every word with the bytes of its vector."""
    buffer, start = b"", 0
    for number in range(1, count + 1):
        while (space := buffer.find(b" ", start)) < 0 or len(buffer) < space + 1 + width:
            chunk = file.read(_CHUNK_BYTES)
            if not chunk or (space < 0 and len(buffer) - start > _LONGEST_WORD_BYTES):
                raise WeightsError(
                    f"{path}: expected {count:,} words of {width // 4} values, ends or breaks off in word {number:,}. "
                    f"It was cut short, or is the text format. {_REMEDY}"
                )
            buffer, start = buffer[start:] + chunk, 0
        end = space + 1 + width
        yield buffer[start:space].lstrip(b"\n"), buffer[space + 1 : end]
        start = end
    if (buffer[start:] + file.read(_CHUNK_BYTES)).strip(b"\n"):
        raise WeightsError(f"{path}: goes on after the {count:,} words of its header. It is another format. {_REMEDY}")


def _vector(path: Path, word: str, values: bytes) -> NDArray[np.float32]:
    vector: NDArray[np.float32] = np.frombuffer(values, "<f4").astype(np.float32)
    if not np.isfinite(vector).all():
        raise WeightsError(f"{path}: the vector of {word!r} holds values that are not finite. {_REMEDY}")
    return vector
