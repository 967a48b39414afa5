"""Trains the runs of a planted experiment in a child process of two workers, for a limited time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.training.launch import ENVIRONMENT, WORKER
from warehouse.store import Store, replacing

WORKERS = 2


class TrainingFailedError(RuntimeError):
    """The worker stopped with an error, which it has printed."""


def train(store: Store, name: str, runs: Sequence[Mapping[str, Any]], limit_s: float) -> bool:
    """Train what is not finished of `runs`, in their order; a run that is cut off is resumed next time.

    Args:
        store: Where the data are and the results go.
        name: Of the job file.
        runs: RUN mappings; a repeated one counts once.
        limit_s: The worker is asked to stop after this time, and does after the step it is at.

    Returns:
        Whether all of them are finished.

    Raises:
        TrainingFailedError: if the worker failed.
    """
    pending = list({run["run_id"]: run for run in runs if result_of(store, run["run_id"]) is None}.values())
    if not pending:
        return True
    path = store.root / "jobs" / f"{name}.json"
    job = {"store": str(store.root), "device": "cpu", "threads": 1, "workers": WORKERS, "runs": pending}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(job, indent=1), encoding="utf-8")
    with subprocess.Popen([sys.executable, "-m", WORKER, str(path)], env=ENVIRONMENT | os.environ) as worker:
        try:
            code = worker.wait(limit_s)
        except subprocess.TimeoutExpired:
            worker.send_signal(signal.SIGTERM)
            worker.wait()
            return False
    if code:
        raise TrainingFailedError(
            f"training stopped with exit code {code}; the reason is in the lines above. "
            f"To see it alone: python -m {WORKER} {path}"
        )
    return True


def result_of(store: Store, run_id: str) -> dict[str, Any] | None:
    """What a finished run left; None for an unfinished one."""
    path: Path = store.run(run_id) / "result.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
