"""Where things lie in a store, and files that are replaced in one step."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FORMAT_VERSION = 1


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


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
