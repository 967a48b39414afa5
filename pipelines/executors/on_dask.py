"""Runs the steps of a job on the workers of a Dask scheduler, which may be on other hosts that share the store.

Dagster's own integration (dagster-dask 0.29) gives steps behind a failed one to the workers all the same, passes over
what stands behind a dynamic output, and names futures by the job alone, so that two runs of a job share results. Here a
step waits for those before it, and is not executed where one of them was not.
"""

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.errors import raise_execution_interrupts
from dagster._core.execution.api import create_execution_plan, execute_plan
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.instance.ref import InstanceRef
from dagster._utils import iterate_with_context

from warehouse.variables import VARIABLES

ADDRESS = "DASK_SCHEDULER_ADDRESS"  # Dask's own variable
OF_THE_JOB = {"MGC_EXECUTOR", "MGC_RENDEZVOUS"}  # no step reads the first, and the second may differ by host
START_WORKERS = "dask worker ADDRESS --nthreads 1 --no-nanny"


@dataclass(frozen=True)
class Ended:
    """What became of a step on a worker: its events, none where it was not executed; and whether it succeeded."""

    step_key: str
    events: Sequence[dg.DagsterEvent]
    succeeded: bool


@dataclass(frozen=True)
class Work:
    """What a worker needs to execute any step of a run."""

    job: Any
    run: dg.DagsterRun
    config: Mapping[str, object]
    instance: InstanceRef
    known: KnownExecutionState | None


@dg.executor(
    name="dask",
    config_schema={
        "address": dg.Field(
            dg.StringSource,
            default_value={"env": ADDRESS},
            description=f"Of the scheduler, such as tcp://node1:8786. Prefilled from {ADDRESS}.",
        )
    },
    requirements=multiple_process_executor_requirements(),
)
def dask_executor(context: dg.InitExecutorContext) -> "DaskExecutor":
    """Steps on the workers of a Dask scheduler: each worker one thread, all with this store and this checkout."""
    return DaskExecutor(str(context.executor_config["address"]))


class DaskExecutor(dg.Executor):
    """Submits every step with its dependencies, and hands on the events as they come."""

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def retries(self) -> RetryMode:
        """None: a step that asks to be tried again has failed, and the next run of the job goes on from there."""
        return RetryMode.DISABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the plan; see `dagster.Executor`."""
        import distributed  # noqa: PLC0415 - loads in a second, and is there only with the extra `dask`

        with distributed.Client(self.address) as client:
            _require_fit_workers(client)
            futures = _submit(client, plan_context, execution_plan)
            ended = distributed.as_completed(futures, with_results=True)
            for _, result in iterate_with_context(raise_execution_interrupts, ended):
                if not result.events:
                    plan_context.log.error("Step %s is not executed: one before it failed.", result.step_key)
                yield from result.events


def _submit(client: Any, context: PlanOrchestrationContext, plan: ExecutionPlan) -> list[Any]:
    run = context.dagster_run
    work = Work(context.reconstructable_job, run, context.run_config, context.instance.get_ref(), plan.known_state)
    futures: dict[str, Any] = {}
    for step in (step for level in plan.get_steps_to_execute_by_level() for step in level):
        keys = {key for given in step.step_inputs for key in given.dependency_keys}
        before = [
            futures[key] for key in sorted(keys & futures.keys())
        ]  # others ended in a run that this one goes on from
        futures[step.key] = client.submit(
            _execute_step, before, work, step.key, key=f"{run.run_id}.{step.key}", retries=0
        )
    return list(futures.values())


def _execute_step(before: Sequence[Ended], work: Work, step_key: str) -> Ended:
    """Runs in a worker."""
    if not all(ended.succeeded for ended in before):
        return Ended(step_key, [], succeeded=False)
    with dg.DagsterInstance.from_ref(work.instance) as instance:
        job = work.job.get_subset(op_selection=work.run.resolved_op_selection, asset_selection=work.run.asset_selection)
        plan = create_execution_plan(
            job, run_config=work.config, step_keys_to_execute=[step_key], known_state=work.known
        )
        events = execute_plan(plan, job, instance, work.run, run_config=work.config)
    return Ended(step_key, events, succeeded=any(event.is_step_success for event in events))


def _require_fit_workers(client: Any) -> None:
    """Refuse workers in which a step could not do its work, or would do other work.

    Raises:
        dagster.DagsterInvariantViolationError: where there is no worker, one has several threads (Dagster is not
            made for them), one may start no processes, or one has other settings than this process.
    """
    workers = client.scheduler_info(n_workers=-1)["workers"]
    unfit = [f"{name} has {worker['nthreads']} threads" for name, worker in workers.items() if worker["nthreads"] != 1]
    for name, (daemon, settings) in (client.run(_nature) if workers else {}).items():
        if daemon:
            unfit.append(f"{name} may not start processes (a nanny watches it)")
        ours = _settings()
        unfit += [
            f"{name} has {key}={settings[key]!r}, not {ours[key]!r}" for key in ours if settings[key] != ours[key]
        ]
    if unfit or not workers:
        found = "; ".join(unfit) or "it has no workers"
        raise dg.DagsterInvariantViolationError(
            f"The Dask scheduler {client.scheduler.address} cannot run this job: {found}. Start workers in this "
            f"checkout, with this environment: {START_WORKERS}"
        )


def _nature() -> tuple[bool, dict[str, str]]:
    """Runs in a worker: whether it is a daemon, and its settings."""
    return multiprocessing.current_process().daemon, _settings()


def _settings() -> dict[str, str]:
    """The variables that a step goes by: its own process reads the defaults of the configuration from them."""
    return {name: os.environ.get(name, "") for name in VARIABLES if name not in OF_THE_JOB}
