import dataclasses

import pytest
import torch

from mgc_models.artifacts.weights import read_weights, save_weights
from mgc_models.config.sections import TrainSettings
from mgc_models.data.batches import Batch
from mgc_models.errors import StoppedError, TrainingError, WeightsError
from mgc_models.training.loop import fit
from mgc_models.training.objectives import LossTerms, Task

SETTINGS = TrainSettings(
    epochs=3,
    batch_size=4,
    learning_rate=0.05,
    betas=(0.95, 0.999),
    weight_decay=5e-7,
    lr_milestones=(1, 2),
    lr_gamma=0.5,
)


def regression(samples=10, seen=None, poison=None):
    """Tells from x which of three classes it is; `poison` makes the loss of that step not a number."""
    x = torch.linspace(-1, 1, samples)[:, None] ** torch.arange(1, 5)
    y = torch.stack([x[:, 0] > 0.2, x[:, 1] > 0.3, x[:, 0] < -0.5], dim=1).float()
    steps = iter(range(10**6))

    def batches(order, positions, slices):
        for chosen in slices:
            rows, position = order[chosen], positions[chosen]
            if seen is not None:
                seen.append((rows.tolist(), position.tolist()))
            yield Batch({"input": x[rows] + position[:, None].float() * 0.01}, y[rows])

    def forward(call, batch):
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            call(**batch.inputs), batch.labels, reduction="none"
        )
        loss = losses.mean(dim=1).sum() * (float("nan") if next(steps) == poison else 1)
        count = torch.tensor(float(len(batch.labels)))
        return LossTerms({"loss": loss, "half": loss.detach() / 2}, {"loss": count, "half": count})

    return Task(samples, batches, forward, {"loss": 1.0, "half": 0.0})


def model():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 3))


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


EXACT = [0.6460310, 0.5463946, 0.5123277]


def test_the_losses_of_a_tiny_run_are_these(runtime):
    """Any change of order, crop, optimiser, schedule, averaging or dropout shows here."""
    history = fit("run", model(), regression(), SETTINGS, 3, runtime).history
    assert [epoch["loss"] for epoch in history] == pytest.approx(EXACT, rel=1e-4)
    assert [epoch["half"] for epoch in history] == pytest.approx([loss / 2 for loss in EXACT], rel=1e-4)
    assert [epoch["learning_rate"] for epoch in history] == [0.05, 0.025, 0.0125]


def test_every_epoch_sees_every_sample_once_in_another_order(runtime):
    seen = []
    fit("run", model(), regression(seen=seen), SETTINGS, 3, runtime)
    epochs = [[row for rows, _ in seen[first : first + 3] for row in rows] for first in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    positions = [position for _, batch in seen for position in batch]
    assert len(set(positions)) == 30
    assert all(0 <= position < 1 for position in positions)


@pytest.mark.parametrize("stop_at", [1, 2, 3, 4, 8, 9])
def test_a_stopped_run_ends_with_the_same_bits(runtime, tmp_path, stop_at):
    whole = fit("run", model(), regression(), SETTINGS, 3, dataclasses.replace(runtime, resume_path=tmp_path / "other"))
    seen = []
    stopping = dataclasses.replace(runtime, stop=lambda: "of a test" if len(seen) >= stop_at else None)
    with pytest.raises(StoppedError, match="of a test"):
        fit("run", model(), regression(seen=seen), SETTINGS, 3, stopping)
    fresh = model()
    torch.manual_seed(99)
    resumed = fit("run", fresh, regression(seen=seen), SETTINGS, 3, runtime)
    assert len(seen) == 9
    assert same(whole.model, resumed.model)
    assert whole.history == resumed.history


def test_a_state_at_every_step_changes_nothing(runtime, tmp_path):
    whole = fit("run", model(), regression(), SETTINGS, 3, runtime)
    often = dataclasses.replace(runtime, resume_path=tmp_path / "other", checkpoint_every_s=0)
    assert same(whole.model, fit("run", model(), regression(), SETTINGS, 3, often).model)


DAMAGE = {
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "not a state": lambda _: b"hello" * 100,
    "one bit": lambda content: content[:1000] + bytes([content[1000] ^ 1]) + content[1001:],
    "zeros at the end": lambda content: content[:-200] + bytes(200),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_told_and_training_starts_anew(runtime, caplog, damage):
    whole = fit("run", model(), regression(), SETTINGS, 3, runtime)
    runtime.resume_path.write_bytes(DAMAGE[damage](runtime.resume_path.read_bytes()))
    again = fit("run", model(), regression(), SETTINGS, 3, runtime)
    assert "starts from the beginning" in caplog.text
    assert str(runtime.resume_path) in caplog.text
    assert same(whole.model, again.model)


def test_the_state_of_another_run_or_model_is_not_used(runtime, caplog):
    fit("run", model(), regression(), SETTINGS, 3, runtime)
    seen = []
    fit("another", model(), regression(seen=seen), SETTINGS, 3, runtime)
    assert len(seen) == 9
    assert "expected format and run" in caplog.text
    fit("another", torch.nn.Linear(4, 3), regression(seen=seen), SETTINGS, 3, runtime)
    assert len(seen) == 18
    assert "holds another model" in caplog.text


@pytest.mark.parametrize("poison", [0, 4, 8])
def test_a_loss_that_is_not_a_number_stops_with_run_epoch_and_step(runtime, poison):
    expected = f"run run7: the loss is not a finite number in epoch {poison // 3 + 1} at step {poison % 3 + 1}"
    with pytest.raises(TrainingError, match=expected):
        fit("run7", model(), regression(poison=poison), SETTINGS, 3, runtime)
    if runtime.resume_path.exists():
        saved = torch.load(runtime.resume_path, weights_only=True)
        assert all(tensor.isfinite().all() for tensor in saved["model"].values())


def test_weights_go_to_disk_and_back_in_equal_bytes(tmp_path):
    first = model()
    for parameter in first.parameters():
        torch.nn.init.normal_(parameter)
    preprocessing = {"genres": ["rock", "åäö"], "audio": {"mean": -5.081, "crop_frames": 512}}
    for name in ("a", "b"):
        save_weights(tmp_path / name, first, preprocessing)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    weights, metadata = read_weights(tmp_path / "a")
    assert metadata == preprocessing
    assert weights.keys() == first.state_dict().keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in first.state_dict().items())
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:50])
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        read_weights(tmp_path / "a")
