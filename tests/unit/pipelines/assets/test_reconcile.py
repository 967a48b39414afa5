"""A run whose process was killed must not hold its training slot for ever."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from pipelines.assets.reconcile import Reconciled, reconcile
from pipelines.hosts import BOOT, HOST, NAMESPACE, PROCESS, is_gone, process_tags
from pipelines.startup import INSTANCE

ROOT = Path(__file__).parents[4]
SLEEPER = """
import time
import dagster as dg
from pipelines.executors.choice import executor

@dg.asset(pool="gpu")
def training():
    time.sleep(60)

defs = dg.Definitions(assets=[training], jobs=[dg.define_asset_job("train")], executor=executor)
"""


def wait_for_a_claimed_slot(instance: dg.DagsterInstance, timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not slots(instance):
        assert time.monotonic() < deadline, "the training step never started"
        time.sleep(0.2)


def slots(instance: dg.DagsterInstance) -> list[str]:
    storage = instance.event_log_storage
    keys = storage.get_concurrency_keys()
    return [slot.run_id for key in keys for slot in storage.get_concurrency_info(key).claimed_slots]


def test_a_killed_run_is_ended_and_its_slot_freed(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "dagster.yaml").write_bytes(INSTANCE.read_bytes())
    command = [sys.executable, "-m", "dagster", "job", "execute", "-f", "sleeper.py", "-j", "train"]
    (tmp_path / "run.yaml").write_text("execution: {config: {in_process: {}}}")
    instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path)))
    child = subprocess.Popen(
        [*command, "-c", "run.yaml"],
        cwd=tmp_path,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for_a_claimed_slot(instance)
    (run,) = instance.get_runs()
    assert reconcile(instance) == Reconciled()  # alive: left alone
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert reconcile(instance, run.run_id) == Reconciled()  # who asks lives
    instance.add_run_tags(run.run_id, {HOST: "another machine"})
    assert reconcile(instance) == Reconciled(elsewhere={run.run_id: "another machine"})
    assert slots(instance)
    instance.add_run_tags(run.run_id, {HOST: run.tags[HOST]})
    assert reconcile(instance) == Reconciled([run.run_id])
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    assert slots(instance) == []


def test_a_process_is_judged_where_its_number_means_something() -> None:
    own = process_tags()
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    number, _, start = own[PROCESS].partition("@")
    assert is_gone(own) is False
    assert is_gone(own | {PROCESS: f"{finished.pid}@{start}"}) is True
    assert is_gone(own | {PROCESS: f"{number}@1"}) is True  # its number belongs to a later process
    assert is_gone(own | {BOOT: "an earlier one"}) is True
    assert is_gone(own | {NAMESPACE: "of a container"}) is None
    assert is_gone(own | {HOST: "another machine"}) is None
    assert is_gone({}) is None
