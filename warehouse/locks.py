"""Locks against other processes, and whether they reach other hosts.

A module of its own, since most that asks a store for paths needs no filelock.
"""

import errno
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.store import StoreError

_POLL_S = 0.5
MOUNTS = Path("/proc/self/mounts")
# Options by which locks are kept on the host that asks for them, by the type of file system.
LOCAL = {
    "nfs": {"nolock", "local_lock=all", "local_lock=flock"},
    "nfs4": {"local_lock=all", "local_lock=flock"},
    "lustre": {"localflock"},
}


@contextmanager
def locked(
    path: Path, log: Callable[[str], None], busy: str = "", still_wanted: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a lock file against other processes, waiting for it if need be; however this process ends, it is freed.

    Args:
        path: The file; made if missing, and left there.
        log: Gets `busy`, once, if another process holds it.
        busy: What to say then; empty: that this process waits for the lock.
        still_wanted: Called twice a second while waiting; raises what ends it.

    Raises:
        StoreError: if the file system has no locks: without them one run could be trained twice at a time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # No soft lock instead, a file whose presence counts: that of a killed process on another host would never go.
    lock, waits = FileLock(path, fallback_to_soft=False), False
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_POLL_S if waits else 0)
        except Timeout:
            if not waits:
                log(busy or f"Another process holds {path}; waiting until it is done.")
            waits = True
            still_wanted()
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
            raise StoreError(
                f"The file system of {path.parent} has no locks: two processes could work on the same thing at once. "
                "Mount it with them (Lustre: -o flock), or set MGC_STORE to a folder elsewhere."
            ) from error
    try:
        yield
    finally:
        lock.release()


def local_locks(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """Say that locks below `folder` are seen on this host alone, if its mount says so; None where nothing says it."""
    if not mounts.is_file():
        return None
    place, kind, options = mount_of(folder, mounts.read_text().splitlines())
    found = LOCAL.get(kind, set()) & set(options)
    if not found:
        return None
    return (
        f"{place} ({kind}) is mounted with {', '.join(sorted(found))}: its locks are seen on this host alone, and a "
        f"second host would train the same runs beside it. Use {folder} from one host at a time, or mount it otherwise."
    )


def mount_of(folder: Path, lines: Iterable[str]) -> tuple[str, str, list[str]]:
    """Place, type and options of the mount that a folder lies on, from lines of `/proc/self/mounts`."""
    best: tuple[str, str, list[str]] = ("", "", [])
    for line in lines:
        _, place, kind, options, *_ = line.split(" ")
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place)
        if folder.is_relative_to(place) and len(place) >= len(best[0]):
            best = place, kind, options.split(",")
    return best
