"""Ends Dagster runs whose process is gone, and frees the pool slots they hold.

A run that was killed outright (SIGKILL, power loss) stays STARTED for ever in Dagster's history, and its step keeps its
slot of pool `gpu`, so that every later training step would wait in vain. The first asset of every job calls
`reconcile`. A run of another host or container is left to those who can see its process.
"""

from dataclasses import dataclass, field

import dagster as dg

from pipelines.hosts import HOST, is_gone

UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class Reconciled:
    """Ids of runs.

    Attributes:
        ended: Those that were gone, and are reported as failed now.
        elsewhere: Unfinished runs of other hosts or containers with the host of each, where it is known.
    """

    ended: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)


def reconcile(instance: dg.DagsterInstance, own_run: str = "") -> Reconciled:
    """Report dead runs of this host as failed and free their slots.

    Args:
        instance: Whose history is looked at.
        own_run: Id of a run that is known to live: the one that asks.
    """
    found = Reconciled()
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        gone = is_gone(run.tags) if run.run_id != own_run else False
        if gone:
            instance.report_run_failed(run, "The process of this run is gone; ended by pipelines.assets.reconcile.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            found.ended.append(run.run_id)
        elif gone is None and run.status != dg.DagsterRunStatus.STARTING:  # it is not yet on record where
            found.elsewhere[run.run_id] = run.tags.get(HOST, "a host that is not on record")
    return found
