"""What only a CUDA device can show; skipped elsewhere. Runs with what `mgc_models` needs, without dagster."""

from dataclasses import replace

import pytest
import torch

from mgc_models.bench.cases import build_case, preset_settings, preset_sizes
from mgc_models.bench.measure import bench_runtime, first_step
from mgc_models.bench.synthetic import write_store
from mgc_models.data.load import Cache
from mgc_models.errors import StoppedError
from mgc_models.training.loop import fit
from warehouse.store import Store

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
BATCH = 16
TRACKS = 3 * BATCH + 5  # the last batch is smaller, and goes the way that is not compiled


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = Store(tmp_path_factory.mktemp("store"))
    write_store(found, preset_sizes("sample", TRACKS))
    return found


def case_of(store, stage):
    settings = preset_settings("sample", stage, BATCH)
    return build_case(store, settings, stage, torch.device("cuda"), Cache())


def losses(store, stage, *, compiled, precision="auto", epochs=3):
    case = case_of(store, stage)
    with bench_runtime(torch.device("cuda"), lambda: None, compiled=compiled, precision=precision) as runtime:
        state = fit("gpu", case.model, case.task, replace(case.train, epochs=epochs), 0, runtime)
    return torch.tensor([epoch["loss"] for epoch in state.history])


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_replayed_graphs_learn_what_single_kernels_do(store, stage):
    plain = losses(store, stage, compiled=False)
    torch.testing.assert_close(losses(store, stage, compiled=True), plain, rtol=2e-3, atol=0)
    assert plain[-1] < plain[0]


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_bf16_gives_the_gradients_of_float32_to_its_precision(store, stage):
    gradients = []
    for precision in ("float32", "auto"):
        case = case_of(store, stage)
        first_step(case, torch.device("cuda"), precision)
        found = [
            parameter.grad.flatten().double() for parameter in case.model.parameters() if parameter.grad is not None
        ]
        gradients.append(torch.cat(found))
    exact, own = gradients
    assert 1e-5 < (own - exact).norm() / exact.norm() < 3e-2


def test_a_stopped_run_goes_on_to_the_losses_of_an_unbroken_one(store):
    whole = losses(store, "pretrain", compiled=False)
    case, seen = case_of(store, "pretrain"), []

    def stop():
        seen.append(1)
        return "the test says so" if len(seen) == 6 else None  # in the middle of the second epoch

    with bench_runtime(torch.device("cuda"), stop, compiled=False) as runtime:
        train = replace(case.train, epochs=3)
        with pytest.raises(StoppedError):
            fit("gpu", case.model, case.task, train, 0, runtime)
        again = case_of(store, "pretrain")
        state = fit("gpu", again.model, again.task, train, 0, runtime)
    resumed = torch.tensor([epoch["loss"] for epoch in state.history])
    torch.testing.assert_close(resumed, whole, rtol=1e-4, atol=0)
