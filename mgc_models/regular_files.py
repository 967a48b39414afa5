"""Files that others made: looked at before they are opened, and read within a bound.

A FIFO or a device then never holds anything up, and no file takes all memory.
"""

import errno
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}
MOST_BYTES_OF_A_LINE = 1 << 20
_DISCARDED_BYTES = 1 << 20  # read at a time of what is too long


class NotAFileError(OSError):
    """A folder, FIFO, device or socket where a file is expected."""


class TooLargeError(OSError):
    """A file with more bytes than one of its kind can have."""


class Line(NamedTuple):
    """A line of a file.

    Attributes:
        number: From 1.
        content: Without its line feed; only the first bytes of one that is too long.
        bytes: Its whole length, without its line feed.
    """

    number: int
    content: bytes
    bytes: int


def why(error: OSError) -> str:
    """What went wrong with a file, in words that go on a sentence."""
    words = error.strerror or type(error).__name__
    return words[:1].lower() + words[1:]


def check_regular(path: Path) -> int:
    """Look at a file, through any link, without opening it.

    Returns:
        Its size in bytes.

    Raises:
        NotAFileError: if it is no regular file.
        OSError: if it is not there.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        kind = next((words for is_kind, words in _KINDS.items() if is_kind(status.st_mode)), "something else")
        raise NotAFileError(errno.EINVAL, f"{kind} where a file is expected", str(path))
    return status.st_size


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading bytes, once it was looked at.

    Raises:
        NotAFileError: if it is no regular file.
        OSError: if it cannot be opened.
    """
    check_regular(path)
    return path.open("rb")


def read_within(path: Path, most_bytes: int) -> bytes:
    """Read a whole file of at most `most_bytes`.

    Raises:
        NotAFileError: if it is no regular file.
        TooLargeError: if it is larger; nothing of it is kept.
        OSError: if it cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        detail = f"{path.stat().st_size:,} bytes, at most {most_bytes:,} are read"
        raise TooLargeError(errno.EFBIG, detail, str(path))
    return content


def bounded_lines(file: BufferedReader, most_bytes: int = MOST_BYTES_OF_A_LINE) -> Iterator[Line]:
    """Every line of an open file; of one that is longer than `most_bytes` only its beginning is held."""
    number = 0
    while content := file.readline(most_bytes):
        number += 1
        length, ends = len(content), content.endswith(b"\n")
        while not ends and (more := file.readline(_DISCARDED_BYTES)):
            length, ends = length + len(more), more.endswith(b"\n")
        yield Line(number, content.removesuffix(b"\n"), length - ends)
