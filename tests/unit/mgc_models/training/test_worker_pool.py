"""Several processes on one job: the same results as one after the other, and pretrainings before what needs them."""

import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from mgc_models.execution.run_log import watch_for_stop
from mgc_models.training.worker_pool import work_side_by_side
from tests.unit.mgc_models.tiny_job import INCEPTION, make_run, make_store, run_artifacts, train, write_job

LOG = logging.getLogger("test")


def test_runs_side_by_side_come_to_the_same_bytes_and_a_failure_keeps_to_itself(tmp_path: Path) -> None:
    together, alone = make_store(tmp_path / "together"), make_store(tmp_path / "alone")
    runs = [make_run("bad", learning_rate=1e30), make_run("run0"), make_run("run1", INCEPTION, epochs=1)]
    code, log = train(write_job(together, runs, workers=2))
    assert code == 1
    assert "runs not finished: 1 of 3: bad" in log
    assert train(write_job(alone, runs[1:]))[0] == 0
    for run in runs[1:]:
        assert run_artifacts(together, run["run_id"]) == run_artifacts(alone, run["run_id"])
        assert json.loads((together.run(run["run_id"]) / "timing.json").read_text())["sessions"] == 1


def pool(tmp_path: Path, pretrained: dict[str, str | None], attempt, stop=lambda: None) -> tuple[set[str], list[str]]:
    """Attempt fake runs; gives what is left, and the order in which they began."""
    runs = [SimpleNamespace(run_id=name, pretrained=before) for name, before in pretrained.items()]

    def prepare(_stop):
        def work(number: int) -> bool:
            with (tmp_path / "begun").open("a") as file:
                file.write(f"{runs[number].run_id}\n")
            return attempt(runs[number].run_id)

        return work

    left = work_side_by_side(runs, range(len(runs)), 2, prepare, LOG, stop)
    begun = tmp_path / "begun"
    return set(left), begun.read_text().split() if begun.exists() else []


def test_a_run_waits_for_its_pretraining_and_falls_with_it(tmp_path: Path) -> None:
    runs = {"a1": "a", "b1": "b", "a": None, "b": None, "a2": "a", "c1": "elsewhere"}
    left, begun = pool(tmp_path, runs, lambda name: name != "b")
    assert left == {"b", "b1"}
    assert "b1" not in begun
    assert begun.index("a") < min(begun.index("a1"), begun.index("a2"))
    assert "c1" in begun


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_killed_process_costs_its_run_and_a_stop_costs_the_rest(tmp_path: Path, how: str) -> None:
    def attempt(name: str) -> bool:
        if name == "a":
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    stop = (lambda: "asked") if how == "stopped" else lambda: None
    left, _ = pool(tmp_path, dict.fromkeys("abcd"), attempt, stop)
    assert left == ({"a"} if how == "killed" else set("abcd"))


@pytest.fixture
def watching() -> Iterator[None]:
    """This process watches for signals, as the worker does that starts the others."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    watch_for_stop()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("watching")
def test_a_stop_reaches_a_process_that_is_only_just_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow():
        time.sleep(1.5)
        return watch_for_stop()

    def prepare(stop):
        def work(_number: int) -> bool:
            deadline = time.monotonic() + 10
            while stop() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            (tmp_path / "reason").write_text(str(stop()))
            return stop() is None

        return work

    monkeypatch.setattr("mgc_models.training.worker_pool.watch_for_stop", slow)
    asked = iter([None])
    runs = [SimpleNamespace(run_id="a", pretrained=None)]
    assert set(work_side_by_side(runs, [0], 1, prepare, LOG, lambda: next(asked, "asked"))) == {"a"}
    assert (tmp_path / "reason").read_text() == "SIGTERM was received"
