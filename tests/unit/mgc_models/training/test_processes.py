"""A run by several processes is the run of one: for every registered model, losses, gradients, weights, statistics.

Seven tracks in batches of five: two processes have two and three of them, then one each; of three processes, one has
no track of the second batch and computes one that must count nowhere. Dropout is off: its masks differ.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mgc_models.config.sections import TrainSettings
from mgc_models.execution.batch_norm import SharedBatchNorm
from mgc_models.execution.distributed import Group
from mgc_models.training.loop import fit
from tests.unit.mgc_models.tiny_job import INCEPTION, make_run, make_store, start_group, write_job
from tests.unit.mgc_models.tiny_models import CASES, REGISTERED, tiny
from tests.unit.mgc_models.tiny_runtime import in_processes, runtime_in

SETTINGS = TrainSettings(epochs=1, batch_size=5, learning_rate=0.1, optimiser="sgd", momentum=0.9)
# Losses are computed in float32 whatever the model is; all else here is float64.
LOSSES, GRADIENTS, WEIGHTS = 1e-6, 1e-6, 1e-6
# The first case of every model and stage.
EACH = {(case.model["name"], case.pretrain is None): name for name, case in reversed(CASES.items())}.values()


def trained(name: str, folder: Path, group: Group | None = None) -> dict[str, Any]:
    """Losses of an epoch, gradients of its last step, weights and statistics after it, largest change of a weight."""
    model, task, _ = tiny(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = fit(name, model, task, SETTINGS, 5, runtime_in(folder, group))
    after = model.state_dict()
    return {
        "losses": state.history[0],
        "gradients": {key: item.grad for key, item in model.named_parameters() if item.grad is not None},
        "after": dict(after),
        "moved": max((value - before[key]).abs().max().item() for key, value in after.items()),
    }


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float) -> None:
    """Each tensor to `tolerance` of the largest of all numbers."""
    largest = max(value.abs().max().item() for value in expected.values())
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=tolerance, atol=tolerance * largest, msg=key)


def test_every_registered_model_has_a_case() -> None:
    assert {case.model["name"] for case in CASES.values()} == set(REGISTERED)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("name", EACH)
def test_processes_train_what_one_trains(tmp_path: Path, name: str, size: int) -> None:
    alone = trained(name, tmp_path)
    (tmp_path / "resume.pt").unlink()
    assert alone["moved"] > 1e-3
    for found in in_processes(size, lambda group: trained(name, tmp_path, group), tmp_path):
        assert found["losses"] == pytest.approx(alone["losses"], rel=LOSSES)
        assert_close(found["gradients"], alone["gradients"], GRADIENTS)
        assert_close(found["after"], alone["after"], WEIGHTS)


def test_the_command_by_two_processes_writes_the_weights_and_statistics_of_one(tmp_path: Path) -> None:
    """One step: small batches make a network with batch norm chaotic, and float32's rounding shows after a few."""
    written = []
    for size in (1, 2):
        store = make_store(tmp_path / f"{size}")
        run = make_run(model=INCEPTION, epochs=1, batch_size=26, optimiser="sgd", learning_rate=0.01)
        for process in start_group(write_job(store, [run]), size):
            process.join(120)
            assert process.exitcode == 0, process.log.read_text()
        written.append(load_file(store.run("run0") / "model.safetensors"))
    assert_close(*written, tolerance=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_settings_say_whether_the_model_has_batch_norm(name: str) -> None:
    """What refuses `gradient_accumulation_steps` knows the settings alone."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, SharedBatchNorm)
    model = tiny(name)[0]
    assert any(isinstance(module, norms) for module in model.modules()) == CASES[name].settings.batch_norm
