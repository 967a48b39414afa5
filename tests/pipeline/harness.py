"""How the pipeline tests start jobs and compare what they leave."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from warehouse.store import Store

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Checkout:
    """Where a job runs: the settings it sees, the store it fills, and its first run, where that is kept."""

    store: Store
    environment: Mapping[str, str]
    first: subprocess.CompletedProcess[str] | None = None

    def job(self, name: str = "full_repro", **variables: str) -> subprocess.CompletedProcess[str]:
        """`dagster job execute -j NAME` in the repository root, as a user types it."""
        return subprocess.run(
            [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-j", name],
            cwd=ROOT,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


def checkout(folder: Path, **variables: str) -> Checkout:
    """A checkout whose store, and with it the history of Dagster's runs, lies in `folder`."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MGC_", "DAGSTER_"))}
    settings = {"MGC_STORE": str(folder / "store"), "PYTHONWARNINGS": "ignore"}
    return Checkout(Store(folder / "store"), {**inherited, **settings, **variables})


def contents(store: Store) -> dict[str, bytes]:
    """Every table and run result by name, except what may differ between equal runs."""
    tables = {p for p in store.root.glob("tables/**/*.parquet") if p.parent.name != "timings"}
    results = set(store.root.glob("runs/*/result.json")) | set(store.root.glob("runs/*/model.safetensors"))
    shards = set(store.root.glob("features/**/*.parquet"))
    return {p.relative_to(store.root).as_posix(): p.read_bytes() for p in sorted(tables | results | shards)}
