"""Real processes, really killed: a run that is started again ends with the same bytes."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.unit.mgc_models.tiny_job import ALNET, make_run, make_store, run_artifacts, run_job, start, train, write_job

RUN = make_run(model=ALNET, epochs=4, batch_size=2)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("whole"))
    status, log = train(write_job(store, [RUN]))
    assert status == 0, log
    return run_artifacts(store)


def _wait_for(happened, process, limit_s=120):
    deadline = time.monotonic() + limit_s
    while not happened() and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.002)


def _events(store):
    path = store.run("run0") / "events.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def test_killed_at_many_moments_it_ends_with_the_same_bytes(tmp_path, uninterrupted):
    """A state at every step; killed after ever more of them, also in the middle of writing one."""
    store = make_store(tmp_path)
    job = write_job(store, [RUN], checkpoint_every_s=0)
    kills = 0
    for more_events, delay_s in ((1, 0.0), (2, 0.01), (4, 0.03), (9, 0.005)):
        process, before = start(job), _events(store)
        _wait_for(lambda: _events(store) >= before + more_events, process)  # noqa: B023 - called in this turn only
        time.sleep(delay_s)
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
    assert kills >= 3
    status, log = train(job)
    assert status == 0, log
    assert "resumed after" in log
    assert run_artifacts(store) == uninterrupted
    left = {path.name for path in store.run("run0").iterdir()}
    assert not [name for name in left if name.endswith(".tmp")]
    assert "resume.pt" not in left


def test_killed_while_results_are_written_it_ends_with_the_same_bytes(tmp_path, uninterrupted):
    store = make_store(tmp_path)
    job = write_job(store, [RUN])
    process = start(job)
    _wait_for((store.run("run0") / "predictions.parquet").exists, process)
    process.kill()
    process.join()
    (store.run("run0") / ".model.safetensors.1-abc.tmp").write_bytes(b"half")
    status, log = train(job)
    assert status == 0, log
    assert run_artifacts(store) == uninterrupted
    assert not list(store.run("run0").glob(".*.tmp"))


def test_two_processes_at_once_train_one_run_once(tmp_path, uninterrupted):
    store = make_store(tmp_path)
    job = write_job(store, [RUN])
    processes = [start(job), start(job)]
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0]
    assert run_artifacts(store) == uninterrupted
    assert sum("epoch 4/4" in process.log.read_text() for process in processes) == 1


def test_without_its_parent_a_worker_stops_and_can_be_resumed(tmp_path, uninterrupted):
    """The parent is killed with SIGKILL, as when Dagster dies; the worker must not go on beside its successor."""
    store = make_store(tmp_path)
    job = write_job(store, [RUN], checkpoint_every_s=0)
    parent = start(job, target=_start_a_worker_and_wait)
    _wait_for(lambda: _events(store) >= 3, parent)
    parent.kill()
    parent.join()
    worker = int((tmp_path / "worker").read_text())
    deadline = time.monotonic() + 30
    while _running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _running(worker)
    assert "is gone; start it again to go on" in parent.log.read_text()
    assert not (store.run("run0") / "result.json").exists()
    status, text = train(job)
    assert status == 0, text
    assert "resumed after" in text
    assert run_artifacts(store) == uninterrupted


def _start_a_worker_and_wait(job, log):
    worker = os.fork()
    if not worker:
        run_job(job, log)
    job.with_name("worker").write_text(str(worker))
    os.waitpid(worker, 0)


def _running(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended, whoever should reap it.
    return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_to_stop_saves_the_state_and_says_so(tmp_path, uninterrupted, number):
    store = make_store(tmp_path)
    job = write_job(store, [RUN])
    process = start(job)
    _wait_for(lambda: _events(store) >= 2, process)
    os.kill(process.pid, number)
    process.join(60)
    assert process.exitcode == 75
    assert f"{number.name} was received; start it again to go on" in process.log.read_text()
    assert train(job)[0] == 0
    assert run_artifacts(store) == uninterrupted
