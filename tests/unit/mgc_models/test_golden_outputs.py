"""Every model computes what it computed when `golden/` was recorded: initial weights, outputs, losses, gradients.

A file holds, for one case of `tiny_models.py` (all seeds fixed, float64, no dropout): names and shapes of the initial
state; what the model returns for seven tracks in evaluation; the losses of one training step on these; and of each
gradient and running statistic of that step its norm and its product with a fixed pattern, which a permutation changes.

Recorded numbers may change where a model, a loss, an initialisation or the order in which weights are drawn is changed
on purpose, which the changelog then says, and where a new torch draws other random numbers: then all files change at
once, initial weights first. They must not change when code is moved, renamed, typed or made faster. To record anew:

    RECORD_GOLDEN=1 python -m pytest tests/unit/mgc_models/test_golden_outputs.py

The test touches the package through `tiny_models.tiny`, `fit` and, for ELMo, `ElmoBiLm`.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mgc_models.config.sections import TrainSettings
from mgc_models.embeddings.elmo_files import ElmoOptions, expected_shapes
from mgc_models.embeddings.elmo_model import ElmoBiLm, batch_ids
from mgc_models.training.loop import fit
from tests.unit.mgc_models.tiny_models import CASES, TRACKS, tiny
from tests.unit.mgc_models.tiny_runtime import runtime_in

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = 1e-6
# Of its norm: losses are float32, whose rounding - another on every kind of processor - deep networks make larger.
GRADIENT_TOLERANCE = 1e-4
ONE_STEP = TrainSettings(epochs=1, batch_size=TRACKS, learning_rate=0.1, optimiser="sgd")
ELMO = ElmoOptions(261, 3, ((1, 2), (3, 4)), "relu", 2, 10, 4, 5, 2, 0.4, 0.3)


def computed(name: str, folder: Path) -> dict[str, Any]:
    """What a case gives now, as plain numbers."""
    model, task, data = tiny(name)
    state = {key: list(value.shape) for key, value in model.state_dict().items()}
    outputs = {}
    if CASES[name].pretrain is None:
        with torch.no_grad():
            batch = next(data.batches(torch.arange(TRACKS), torch.zeros(TRACKS).long(), [slice(0, TRACKS)]))
            returned = model.eval()(**batch.inputs)._asdict()
        outputs = {key: value.tolist() for key, value in returned.items() if value is not None}
    losses = fit(name, model, task, ONE_STEP, 5, runtime_in(folder)).history[0]
    gradients = {key: item.grad for key, item in model.named_parameters() if item.grad is not None}
    return {
        "state": state,
        "outputs": outputs,
        "losses": losses,
        "gradients": {key: checksum(value) for key, value in gradients.items()},
        "statistics": {key: checksum(value) for key, value in model.named_buffers() if "running" in key},
    }


def checksum(values: Tensor) -> list[float]:
    """Norm, and product with a pattern that no two places share."""
    flat = values.detach().flatten().double()
    return [flat.norm().item(), (flat * torch.arange(len(flat)).double().cos()).sum().item()]


def as_lines(found: dict[str, Any]) -> str:
    """JSON with one line for each tensor."""
    parts = []
    for part, values in found.items():
        lines = [f"  {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in values.items()]
        parts.append(f" {json.dumps(part)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def differences(name: str, found: dict[str, Any]) -> list[str]:
    """What differs from the file of a case; with RECORD_GOLDEN the file is written."""
    path = GOLDEN / f"{name}.json"
    if os.environ.get("RECORD_GOLDEN"):
        path.write_text(as_lines(found), encoding="utf-8")
        pytest.skip(f"recorded {path.name}")
    expected = json.loads(path.read_text())
    if list(found["state"].items()) != list(expected["state"].items()) or found.keys() != expected.keys():
        return ["other parameters, or other parts"]
    different = []
    for part in found.keys() - {"state"}:
        if found[part].keys() != expected[part].keys():
            different.append(f"{part}: other names")
            continue
        for key, values in expected[part].items():
            slack = GRADIENT_TOLERANCE * values[0] if part == "gradients" else 0.0
            if not np.allclose(found[part][key], values, TOLERANCE, TOLERANCE + slack):
                different.append(f"{part}: {key}: {found[part][key]}, recorded {values}")
    return different


@pytest.mark.parametrize("name", CASES)
def test_a_model_computes_what_it_did(tmp_path: Path, name: str) -> None:
    assert differences(name, computed(name, tmp_path)) == []


def test_elmo_computes_what_it_did() -> None:
    rng = np.random.default_rng(0)
    weights = {key: rng.normal(0, 0.5, shape).astype(np.float32) for key, shape in expected_shapes(ELMO).items()}
    model = ElmoBiLm(ELMO, weights).double()
    state = {key: list(value.shape) for key, value in model.state_dict().items()}
    vectors, mask = model(batch_ids([["one", "more", "time"], ["héy"]], ELMO.word_characters))
    assert mask.tolist() == [[True, True, True], [True, False, False]]
    assert differences("elmo", {"state": state, "outputs": {"vectors": vectors.tolist()}}) == []


def test_every_file_belongs_to_a_case() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*CASES, "elmo"}
