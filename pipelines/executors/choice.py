"""The executor of every job, as one definition whose configuration names the one to use.

`MGC_EXECUTOR` decides what the launchpad shows first; another can be chosen there, run by run. Whatever runs the steps,
the run is told on which host its own process is, and fails if a step of the plan was left out: an executor that
passes steps over would otherwise report success.
"""

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan

from pipelines.config import executor_name
from pipelines.executors.on_dask import dask_executor
from pipelines.hosts import process_tags

Execute = Callable[[PlanOrchestrationContext, ExecutionPlan], Iterator[dg.DagsterEvent]]
IN_PROCESS = "in_process"
# Found where their packages are installed. Their own descriptions say what their configuration means.
OTHERS = {"celery": "dagster_celery:celery_executor", "k8s": "dagster_k8s:k8s_job_executor"}
# A forked process has the code location loaded: a step costs half of what it costs to start Python anew.
FORKED = {"start_method": {"forkserver": {"preload_modules": ["pipelines.definitions"]}}}


def executors() -> dict[str, dg.ExecutorDefinition]:
    """Every executor that can be chosen here, by the name that `MGC_EXECUTOR` has for it."""
    found = {IN_PROCESS: dg.in_process_executor, "multiprocess": dg.multiprocess_executor}
    if importlib.util.find_spec("distributed"):
        found["dask"] = dask_executor
    for name, place in OTHERS.items():
        module, _, attribute = place.partition(":")
        if importlib.util.find_spec(module):
            found[name] = getattr(importlib.import_module(module), attribute)
    return found


def execution_config(environment: Mapping[str, str]) -> dict[str, Any]:
    """The `execution` part of a run's configuration that `MGC_EXECUTOR` asks for.

    Raises:
        SettingsError: when it names none, or one whose package is not installed.
    """
    name = executor_name(environment)
    return {"config": {name: FORKED if name == "multiprocess" else {}}}


def build_executor(default: Mapping[str, Any]) -> dg.ExecutorDefinition:
    """The definition that all jobs share.

    Args:
        default: The configuration of a run that names no executor, such as assets that the web UI materialises.
    """
    known = executors()
    schema = dg.Selector({name: definition.config_schema.as_field() for name, definition in known.items()})

    def requirements(config: Mapping[str, Any]) -> list[Any]:
        return [] if IN_PROCESS in config else list(multiple_process_executor_requirements())

    @dg.executor(name="mgc", config_schema=dg.Field(schema, default_value=dict(default)), requirements=requirements)
    def executor(context: dg.InitExecutorContext) -> dg.Executor:
        ((name, config),) = context.executor_config.items()
        create = known[name].executor_creation_fn
        assert create is not None  # noqa: S101 - every definition above has one
        chosen = create(context._replace(executor_config=config))  # type: ignore[arg-type]
        # Replaced on the object: some executors insist on being of their own class when they run.
        setattr(chosen, "execute", complete(chosen.execute))  # noqa: B010
        return chosen

    return executor


def complete(execute: Execute) -> Execute:
    """The same, on record with its process, and failed if neither the end of a step nor a failure was heard of."""

    def watched(context: PlanOrchestrationContext, plan: ExecutionPlan) -> Iterator[dg.DagsterEvent]:
        context.instance.add_run_tags(context.run_id, process_tags())
        missing, failed = set(plan.step_keys_to_execute), False
        for event in execute(context, plan):
            failed = failed or event.is_step_failure
            if event.is_step_success or event.is_step_failure or event.is_step_skipped:
                missing.discard(event.step_key or "")
            yield event
        if missing and not failed:
            raise dg.DagsterInvariantViolationError(
                f"The executor left out {len(missing)} of {len(plan.step_keys_to_execute)} steps without a word: "
                f"{', '.join(sorted(missing)[:5])}. Run the job with MGC_EXECUTOR=in_process or multiprocess."
            )

    return watched


DEFAULT_EXECUTION = execution_config(os.environ)
executor = build_executor(DEFAULT_EXECUTION["config"])
