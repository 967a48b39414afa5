"""Pretrainings really killed, alone and in a group of processes: started again they end with the same bytes."""

import json
import time

import pytest
import torch

from mgc_models.artifacts.weights import read_weights
from tests.unit.mgc_models.tiny_job import make_pretrain_run, make_store, start, start_group, write_job

FILES = ("spec.json", "result.json", "model.safetensors")


def finished(store):
    return {name: (store.run("pre0") / name).read_bytes() for name in FILES}


def run_of(**changes):
    return make_pretrain_run(**{"epochs": 3, "batch_size": 5} | changes)


def start_any(job, size):
    return [start(job)] if size == 1 else start_group(job, size)


def end(processes, limit_s=120):
    for process in processes:
        process.join(limit_s)
    assert [process.exitcode for process in processes] == [0] * len(processes), processes[0].log.read_text()
    return processes[0].log.read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Files of uninterrupted runs, by number of processes and parts of a batch."""
    made = {}
    for size, parts in ((1, 1), (2, 1), (2, 2)):
        store = make_store(tmp_path_factory.mktemp("whole"))
        log = end(
            start_any(write_job(store, [run_of(**({"gradient_accumulation_steps": parts} if parts > 1 else {}))]), size)
        )
        assert "epoch 3/3" in log
        made[size, parts] = finished(store), read_weights(store.run("pre0") / "model.safetensors")[0]
    return made


def _wait_for_events(store, count, processes):
    path, deadline = store.run("pre0") / "events.jsonl", time.monotonic() + 120
    while time.monotonic() < deadline and all(process.is_alive() for process in processes):
        if path.exists() and path.read_text().count("\n") >= count:
            return
        time.sleep(0.002)


@pytest.mark.parametrize("size", [1, 2])
def test_killed_in_an_epoch_it_ends_with_the_same_bytes(tmp_path, whole, size):
    store = make_store(tmp_path)
    job = write_job(store, [run_of()], checkpoint_every_s=0)
    processes = start_any(job, size)
    _wait_for_events(store, 9, processes)  # a start, and steps 1 to 5 of the first epoch, its end, steps of the second
    for process in processes[::-1]:
        process.kill()
    for process in processes:
        process.join()
    assert not (store.run("pre0") / "result.json").exists()
    log = end(start_any(job, size))
    assert "resumed after" in log
    assert finished(store) == whole[size, 1][0]
    assert json.loads((store.run("pre0") / "timing.json").read_text())["sessions"] == 2


@pytest.mark.parametrize(("size", "parts"), [(2, 1), (2, 2)])
def test_two_processes_and_parts_of_batches_come_to_what_one_comes_to(whole, size, parts):
    """The model has no dropout: only the rounding of sums differs."""
    one, other = whole[1, 1], whole[size, parts]
    # Adding the same number to every key moves no softmax: these biases follow rounding alone, which Adam magnifies.
    for name in [name for name in one[1] if not name.endswith(("qkv.bias", "key.bias"))]:
        torch.testing.assert_close(one[1][name], other[1][name], rtol=0, atol=2e-4, msg=name)
    losses = [json.loads(files["result.json"])["epochs"] for files, _ in (one, other)]
    for expected, found in zip(*losses, strict=True):
        assert (expected["epoch"], expected["metric"]) == (found["epoch"], found["metric"])
        assert found["value"] == pytest.approx(expected["value"], rel=1e-3), expected


def test_a_stop_of_one_process_stops_all_and_saves(tmp_path, whole):
    store = make_store(tmp_path)
    job = write_job(store, [run_of()], checkpoint_every_s=0)
    processes = start_group(job)
    _wait_for_events(store, 3, processes)
    processes[1].terminate()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [75, 75]
    assert "because another process of this run was told to" in processes[0].log.read_text()
    end(start_any(job, 2))
    assert finished(store) == whole[2, 1][0]
