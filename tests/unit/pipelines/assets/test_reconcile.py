"""A run whose process was killed must not hold its training slot for ever."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from pipelines.assets.reconcile import process_started_at, reconcile
from pipelines.startup import INSTANCE

SLEEPER = """
import time
import dagster as dg

@dg.asset(pool="gpu")
def training():
    time.sleep(60)

defs = dg.Definitions(assets=[training], jobs=[dg.define_asset_job("train")])
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
    instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path)))
    child = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for_a_claimed_slot(instance)
    assert reconcile(instance) == []  # alive: left alone
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    (run,) = instance.get_runs()
    assert reconcile(instance) == [run.run_id]
    assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
    assert slots(instance) == []


def test_process_times_tell_a_reused_number_from_the_old_process() -> None:
    started_at = process_started_at(os.getpid())
    assert started_at is not None
    assert abs(started_at - time.time()) < 24 * 3600
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    assert process_started_at(finished.pid) is None
