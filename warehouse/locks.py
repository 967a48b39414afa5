"""Locks against other processes. A module of its own, since most that asks a store for paths needs no filelock."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from warehouse.store import StoreError

_POLL_S = 0.5


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
