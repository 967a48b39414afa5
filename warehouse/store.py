"""Where things lie in a store, and files that are replaced in one step."""

import errno
import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FORMAT_VERSION = 1
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
LEAST_FREE_BYTES = 1 << 16  # below that a disk is full: not every library hands on the reason why it could not write


class StoreError(RuntimeError):
    """The store cannot be used as asked; the message says why and what to do."""


class DiskError(OSError):
    """There is no room for a file; the message names it."""

    def __str__(self) -> str:
        return f"{self.filename} cannot be written: {self.strerror}."


ABANDONED_S = 86_400
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp(\.\w+)?")  # as `replacing` names them; DuckDB puts `.wal` behind


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
    """Give a temporary name beside `path`; rename it to `path` in one step if the block succeeds, remove it if not.

    Raises:
        DiskError: if the disk is full, whatever the block said of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except Exception as error:
        if getattr(error, "errno", None) in NO_ROOM or shutil.disk_usage(path.parent).free < LEAST_FREE_BYTES:
            what = "the disk is full. Free some room and start again (what is finished is kept), or set MGC_STORE to "
            raise DiskError(errno.ENOSPC, f"{what}a folder on another disk", str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_abandoned(store: Store, now_s: float) -> list[Path]:
    """Remove what a killed process left under a temporary name (`replacing`) more than a day ago; returns what was.

    Who holds a younger one may still be writing it, on this host or another.
    """
    found = [path for path in store.root.rglob(".*.tmp*") if _TEMPORARY.fullmatch(path.name) and path.is_file()]
    old = [path for path in sorted(found) if now_s - path.stat().st_mtime > ABANDONED_S]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
