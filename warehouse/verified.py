"""Which files of a store were found whole, so that large ones are read once per size and time of change.

A note in `state/verified` holds what a file looked like and its checksum. Notes only save work: without them, or with
damaged ones, the files are read again.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from warehouse.store import Store, file_sha256, replacing

SMALL_BYTES = 1 << 20  # read every time: that takes no longer than looking at a note


def is_verified(store: Store, path: Path, checksum: str, check: Callable[[], bool]) -> bool:
    """Whether a file of the store is whole.

    Args:
        store: The store; where it cannot be written to, nothing is noted.
        path: The file.
        checksum: What its bytes should be; another one is another question.
        check: Reads the file and compares.
    """
    looks = _looks(path, checksum)
    if looks is None:
        return check()
    try:
        if _note(store, path).read_bytes() == looks:
            return True
    except OSError:
        pass
    if not check():
        return False
    with suppress(OSError):  # a store that is only read
        note_verified(store, path, checksum)
    return True


def note_verified(store: Store, path: Path, checksum: str) -> None:
    """Remember that a file of the store was found, or just written, whole."""
    if looks := _looks(path, checksum):
        with replacing(_note(store, path)) as temporary:
            temporary.write_bytes(looks)


def has_sha256(store: Store, path: Path, sha256: str) -> bool:
    """Whether a file of the store has this SHA-256."""
    return is_verified(store, path, sha256, lambda: path.is_file() and file_sha256(path) == sha256)


def _note(store: Store, path: Path) -> Path:
    return store.root / "state" / "verified" / path.relative_to(store.root)


def _looks(path: Path, checksum: str) -> bytes | None:
    """What a file looks like; None for one that is small or not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return f"{status.st_size} {status.st_mtime_ns} {checksum}\n".encode() if status.st_size > SMALL_BYTES else None
