"""Ends Dagster runs whose process is gone, and frees the pool slots they hold.

A run that was killed outright (SIGKILL, power loss) stays STARTED for ever in Dagster's history, and its step keeps its
slot of pool `gpu`, so that every later training step would wait in vain. The first asset of every job calls
`reconcile`.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_started_at(pid: int) -> float | None:
    """Unix time at which process `pid` started; 0.0 where it lives but cannot be timed, None where it is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0.0
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    if fields[0] == "Z":  # dead, only not yet waited for
        return None
    ticks_after_boot = int(fields[19])
    uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime_s + ticks_after_boot / os.sysconf("SC_CLK_TCK")


def run_process(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Process id of a run and the time it was recorded, from the executor's first event."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None and str(pid.value).isdigit():
            return int(str(pid.value)), entry.timestamp
    return None


def dead_runs(instance: dg.DagsterInstance) -> Iterator[dg.DagsterRun]:
    """Runs that Dagster thinks are going on though their process is gone or its number belongs to a later process."""
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        process = run_process(instance, run.run_id)
        if process is None:
            continue
        started_at = process_started_at(process[0])
        if started_at is None or started_at > process[1] + 1.0:
            yield run


def reconcile(instance: dg.DagsterInstance) -> list[str]:
    """Report dead runs as failed and free their slots.

    Returns:
        The ids of the runs that were ended.
    """
    ended = []
    for run in dead_runs(instance):
        instance.report_run_failed(run, "The process of this run is gone; ended by pipelines.assets.reconcile.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        ended.append(run.run_id)
    return ended
