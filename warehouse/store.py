"""Where things lie in a store, files that are replaced in one step, and locks against other processes."""

import errno
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

FORMAT_VERSION = 1
_LOCK_POLL_S = 0.5


class StoreError(RuntimeError):
    """The store cannot be used as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Store:
    """Paths below one store folder.

    Attributes:
        root: The folder itself.
    """

    root: Path

    @property
    def catalogue(self) -> Path:
        """The DuckDB file."""
        return self.root / "mgc.duckdb"

    @property
    def figures(self) -> Path:
        """Folder of the pictures."""
        return self.root / "figures"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.root / "report.html"

    def table(self, name: str) -> Path:
        """Folder with the Parquet parts of table `schema.name`."""
        schema, _, table = name.partition(".")
        return self.root / "tables" / schema / table

    def feature(self, feature: str, dataset: str) -> Path:
        """Folder with the shards of one feature of one dataset."""
        return self.root / "features" / feature / dataset

    def run(self, run_id: str) -> Path:
        """Folder of one training run."""
        return self.root / "runs" / run_id


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; rename it to `path` in one step if the block succeeds, remove it if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(
    path: Path, log: Callable[[str], None], busy: str = "", still_wanted: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a lock file against other processes, waiting for it if need be; however this process ends, it is freed.

    Args:
        path: The file; made if missing, and left there.
        log: Told `busy`, once, if another process holds it.
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
            lock.acquire(timeout=_LOCK_POLL_S if waits else 0)
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


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
