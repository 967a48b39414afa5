"""Locks against other processes. A module of its own, since most that asks a store for paths needs no filelock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

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
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, waits = FileLock(path), False
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_POLL_S if waits else 0)
        except Timeout:
            if not waits:
                log(busy or f"Another process holds {path}; waiting until it is done.")
            waits = True
            still_wanted()
    try:
        yield
    finally:
        lock.release()
