import json

import pytest
import torch

from mgc_models.bench import __main__ as cli
from mgc_models.bench.measure import StepClock

TINY = ["--device", "cpu", "--preset", "sample", "--tracks", "40", "--steps", "2", "--warmup", "1"]


def test_the_benchmark_times_both_stages_of_the_real_loop(capsys):
    assert cli.main([*TINY, "--batch-size", "4", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record["stages"]) == {"pretrain", "finetune"}
    for found in record["stages"].values():
        assert found["samples_per_s"] == pytest.approx(4 / (found["step_ms"] / 1e3))
        assert 0 <= found["data_share"] < 1
        assert (found["utilisation"], found["peak_gib"]) == (None, None)
        assert found["tflop_per_step"] > 0


def test_the_clock_times_exactly_the_steps_asked_for():
    clock = StepClock(device=torch.device("cpu"), warmup=2, steps=3)
    assert [clock() is None for _ in range(5)] == [True, True, True, True, False]
    assert len(clock.times) == 2


def test_equal_precisions_give_equal_losses(capsys):
    assert cli.main([*TINY, "--stage", "finetune", "--compare-precisions", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["stages"]["finetune"]
    assert found["gradient_difference"] == 0
    assert all(exact == own for epoch in found["losses"] for exact, own in epoch.values())


def test_a_device_that_is_not_there_is_one_line(capsys):
    assert cli.main(["--device", "cuda:7"]) == 1
    assert "cuda:7" in capsys.readouterr().err
