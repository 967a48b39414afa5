"""Starts training in a child process and follows it from a Dagster step; loads no tensor library itself."""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterPipesExecutionError

from warehouse.store import Store, replacing

WORKER = "mgc_models.train"
# Waiting OpenMP threads would otherwise spin, and starve whatever else runs on the machine: training beside five other
# processes on two cores was measured 25 times as slow.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
# Steps of the tiny models are too small to share: on two quiet cores one thread trained them 1.7 times as fast as two.
# It also gives the same bits on machines with any number of cores.
TINY_PROFILES = ("sample", "smoke")
EXIT_CODE = re.compile(r"code (-?\d+)")


def is_finished(store: Store, run_id: str) -> bool:
    """Whether the run left its results; they are the last thing it writes."""
    return (store.run(run_id) / "result.json").exists()


def write_job(store: Store, name: str, runs: Sequence[Mapping[str, Any]]) -> Path:
    """Write the job file that the worker reads; returns its path."""
    path = store.root / "jobs" / f"{name}.json"
    job: dict[str, Any] = {"store": str(store.root), "device": "auto", "runs": list(runs)}
    if all(run["profile"] in TINY_PROFILES for run in runs):
        job["threads"] = 1
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(job, indent=1))
    return path


def launch(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    store: Store,
    name: str,
    runs: Sequence[Mapping[str, Any]],
) -> int:
    """Train what is not yet finished of `runs` in one child process, its progress going to Dagster's log as it comes.

    Returns:
        Number of runs trained by this call; 0 when all were finished before.

    Raises:
        dagster.RetryRequested: once, when the worker was killed by a signal; it resumes where it stopped.
        dagster.Failure: when the worker stopped with an error, which it has logged.
    """
    pending = [run for run in runs if not is_finished(store, run["run_id"])]
    if not pending:
        return 0
    job = write_job(store, name, pending)
    command = [sys.executable, "-m", WORKER, str(job)]
    try:
        pipes.run(context=context.op_execution_context, command=command, env=ENVIRONMENT | os.environ)
    except DagsterPipesExecutionError as error:
        raise _as_failure(error, name, job) from error
    return len(pending)


def _as_failure(error: Exception, name: str, job: Path) -> Exception:
    found = EXIT_CODE.search(str(error))
    code = int(found.group(1)) if found else 1
    if code < 0:
        return dg.RetryRequested(max_retries=1, seconds_to_wait=1)
    return dg.Failure(
        description=f"Training {name} stopped with exit code {code}; the reason is in the log lines above. "
        f"To see it alone: python -m {WORKER} {job}",
        allow_retries=False,
    )
