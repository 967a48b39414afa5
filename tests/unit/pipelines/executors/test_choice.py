"""The executor is chosen by name, and a step that it leaves out is a failure."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.config import SettingsError
from pipelines.executors.choice import execution_config, executor
from warehouse.variables import VARIABLES


@dg.op(out=dg.Out(dg.Nothing))
def first() -> None:
    if os.environ.get("FAILS"):
        raise dg.Failure("as asked")


@dg.op(ins={"start": dg.In(dg.Nothing)})
def second() -> None:
    Path(os.environ["MADE"]).touch()


@dg.job(executor_def=executor)
def two_steps() -> None:
    second(first())


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("MADE", str(tmp_path / "made"))
    with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.local_temp(home) as local:
        yield local


def other_store() -> tuple[bool, dict[str, str]]:
    return False, dict.fromkeys(VARIABLES, "") | {"MGC_STORE": "/elsewhere"}


def run(instance: dg.DagsterInstance, config: dict[str, object], **how: bool) -> dg.JobExecutionResult:
    job = dg.reconstructable(two_steps)
    return dg.execute_job(
        job, instance, run_config={"execution": {"config": config}}, **({"raise_on_error": True} | how)
    )


def test_the_variable_names_what_the_configuration_of_a_run_starts_with() -> None:
    assert list(execution_config({})["config"]) == ["in_process"]
    assert list(execution_config({"MGC_EXECUTOR": "multiprocess"})["config"]) == ["multiprocess"]
    with pytest.raises(SettingsError, match="MGC_EXECUTOR is 'slurm'; expected one of in_process, multiprocess, dask"):
        execution_config({"MGC_EXECUTOR": "slurm"})
    with pytest.raises(SettingsError, match="DASK_SCHEDULER_ADDRESS is not set"):
        execution_config({"MGC_EXECUTOR": "dask"})


def test_a_step_that_is_left_out_fails_the_run(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.executor.in_process import InProcessExecutor

    whole = InProcessExecutor.execute

    def forgetful(self, context, plan):
        yield from (event for event in whole(self, context, plan) if event.step_key != "second")

    assert run(instance, {"in_process": {}}).success
    monkeypatch.setattr(InProcessExecutor, "execute", forgetful)
    with pytest.raises(dg.DagsterInvariantViolationError, match="left out 1 of 2 steps without a word: second"):
        run(instance, {"in_process": {}})


def test_on_dask_what_stands_behind_a_failed_step_is_not_executed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    quiet = {"processes": False, "dashboard_address": None, "n_workers": 1}
    with distributed.LocalCluster(**quiet, threads_per_worker=1) as cluster:
        config = {"dask": {"address": cluster.scheduler_address}}
        assert run(instance, config).success
        (tmp_path / "made").unlink()
        monkeypatch.setenv("FAILS", "yes")
        failed = run(instance, config, raise_on_error=False)
        assert not failed.success
        assert not (tmp_path / "made").exists()
    with distributed.LocalCluster(**quiet, threads_per_worker=1) as cluster, monkeypatch.context() as changed:
        changed.setattr("pipelines.executors.on_dask._nature", other_store)
        with pytest.raises(dg.DagsterInvariantViolationError, match="has MGC_STORE='/elsewhere', not ''"):
            run(instance, {"dask": {"address": cluster.scheduler_address}})
    refused = pytest.raises(dg.DagsterInvariantViolationError, match=r"has 2 threads\. Start workers in this checkout")
    with distributed.LocalCluster(**quiet, threads_per_worker=2) as cluster, refused:
        run(instance, {"dask": {"address": cluster.scheduler_address}})
