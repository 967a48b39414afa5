"""Optimisers, learning rate schedules, validation, best weights and early stopping, and their exact resuming."""

import dataclasses

import pytest
import torch

from mgc_models.config.sections import PlateauSettings, TrainSettings
from mgc_models.errors import ModelError, StoppedError
from mgc_models.training.loop import bound_temperature, fit
from mgc_models.training.optim import build_optimiser
from mgc_models.training.step import TEMPERATURE
from tests.unit.mgc_models.tiny_models import GENRES, tiny
from tests.unit.mgc_models.training.test_loop import model, regression, same

BASE = TrainSettings(epochs=4, batch_size=4, learning_rate=0.05)


def settings(**changes):
    return dataclasses.replace(BASE, **changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"optimiser": "adam", "weight_decay": 0.1}, lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.1)),
        ({"optimiser": "adamw", "weight_decay": 0.1}, lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1)),
        (
            {"optimiser": "sgd", "momentum": 0.9, "weight_decay": 0.01},
            lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01, nesterov=True),
        ),
        ({"optimiser": "sgd", "momentum": 0.0}, lambda p: torch.optim.SGD(p, lr=0.05)),
    ],
)
def test_the_named_optimiser_moves_weights_as_torch_does(changes, expected):
    moved = []
    for build in (
        lambda net: build_optimiser(net, settings(**changes), fused=False),
        lambda net: expected(net.parameters()),
    ):
        net = model().eval()
        optimiser = build(net)
        for _ in range(3):
            optimiser.zero_grad()
            net(torch.ones(2, 4)).square().sum().backward()
            optimiser.step()
        moved.append(net)
    assert same(*moved)


class WithEncoder(torch.nn.Module):
    pretrained_encoder = "encoder"

    def __init__(self):
        super().__init__()
        self.encoder, self.head = torch.nn.Linear(4, 4), torch.nn.Linear(4, 3)


class WithHead(WithEncoder):
    new_head = "head"


def test_the_head_that_no_pretraining_has_seen_has_a_multiple_of_the_rate():
    net = WithHead()
    groups = build_optimiser(net, settings(head_rate_ratio=50.0), fused=False).param_groups
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert {rates[id(parameter)] for parameter in net.head.parameters()} == {50 * 0.05}
    assert {rates[id(parameter)] for parameter in net.encoder.parameters()} == {0.05} == {groups[0]["lr"]}
    both = build_optimiser(net, settings(head_rate_ratio=2.0, encoder_learning_rate=1e-3), fused=False).param_groups
    assert [group["lr"] for group in both] == [0.05, 1e-3, 0.1]
    with pytest.raises(ModelError, match=r"head_rate_ratio is 50.*WithEncoder names no new_head"):
        build_optimiser(WithEncoder(), settings(head_rate_ratio=50.0), fused=False)


@pytest.mark.parametrize("name", ["inception_v4", "bert", "alnet", "jiang_mae-fine-tuning"])
def test_the_thesis_models_name_their_head(name):
    net = tiny(name)[0]
    *_, last = net.get_submodule(net.new_head).parameters()
    assert last.shape == (GENRES,)
    assert build_optimiser(net, settings(head_rate_ratio=50.0), fused=False).param_groups[1]["lr"] == 2.5


def test_the_pretrained_encoder_has_its_own_rate_and_every_parameter_one_group():
    net = WithEncoder()
    groups = build_optimiser(net, settings(encoder_learning_rate=1e-3), fused=False).param_groups
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert [rates[id(parameter)] for parameter in net.parameters()] == [1e-3, 1e-3, 0.05, 0.05]
    with pytest.raises(ModelError, match="Sequential has no pretrained encoder"):
        build_optimiser(model(), settings(encoder_learning_rate=1e-3), fused=False)


def scripted(scores):
    """A validation part with these scores, one per epoch; also tells which weights it saw."""
    seen = []

    def validate(net):
        seen.append({name: tensor.clone() for name, tensor in net.state_dict().items()})
        return scores[len(seen) - 1]

    return validate, seen


def test_the_best_epoch_s_weights_are_kept_and_of_equal_ones_the_first(runtime):
    validate, seen = scripted([0.1, 0.4, 0.4, 0.2])
    state = fit("run", model(), regression(), settings(checkpoint="best"), 3, runtime, validate)
    assert [epoch["validation_f1"] for epoch in state.history] == [0.1, 0.4, 0.4, 0.2]
    assert state.best.epoch == 2
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in state.model.state_dict().items())


def test_the_last_weights_are_kept_without_that(runtime):
    validate, seen = scripted([0.4, 0.3, 0.2, 0.1])
    state = fit("run", model(), regression(), settings(), 3, runtime, validate)
    assert all(torch.equal(tensor, seen[3][name]) for name, tensor in state.model.state_dict().items())


def test_training_ends_when_nothing_gets_better(runtime):
    validate, _ = scripted([0.1, 0.5, 0.3, 0.5, 0.9])
    state = fit("run", model(), regression(), settings(epochs=5, early_stopping_patience=2), 3, runtime, validate)
    assert len(state.history) == 4


def test_epochs_before_the_first_score_above_0_are_not_waited_for(runtime):
    validate, seen = scripted([0.0, 0.0, 0.0, 0.2, 0.1, 0.1, 0.1])
    changes = settings(epochs=7, early_stopping_patience=2, checkpoint="best")
    state = fit("run", model(), regression(), changes, 3, runtime, validate)
    assert (len(state.history), state.best.epoch) == (6, 4)
    assert all(torch.equal(tensor, seen[3][name]) for name, tensor in state.model.state_dict().items())


def test_of_epochs_that_all_score_0_the_last_is_kept(runtime):
    validate, seen = scripted([0.0] * 3)
    changes = settings(epochs=3, early_stopping_patience=1, checkpoint="best")
    state = fit("run", model(), regression(), changes, 3, runtime, validate)
    assert len(state.history) == 3
    assert all(torch.equal(tensor, seen[2][name]) for name, tensor in state.model.state_dict().items())


def test_a_score_is_on_record_under_the_name_of_what_it_is(runtime):
    validate, _ = scripted([0.3] * 4)
    history = fit("run", model(), regression(), settings(selection="map"), 3, runtime, validate).history
    assert [epoch["validation_map"] for epoch in history] == [0.3] * 4


def test_a_learned_temperature_falls_to_a_hundredth_and_no_further(runtime):
    net = model()
    net.register_parameter(TEMPERATURE, torch.nn.Parameter(torch.tensor(0.001).log()))
    bound_temperature(net)
    assert net.log_temperature.exp().item() == pytest.approx(0.01)
    net.log_temperature.data = torch.tensor(0.07).log()
    bound_temperature(net)
    assert net.log_temperature.exp().item() == pytest.approx(0.07)


@pytest.mark.parametrize("scores", [None, [0.1 * epoch for epoch in range(12)]])
def test_a_plateau_is_one_of_the_training_loss_whatever_the_validation_score_does(runtime, scores):
    """With a rate that moves nothing but for dropout and crops the loss does not fall for long."""
    validate = scripted(scores)[0] if scores else None
    changes = settings(epochs=12, learning_rate=1e-12, plateau=PlateauSettings(patience=0, factor=0.5))
    history = fit("run", model(), regression(), changes, 3, runtime, validate).history
    rate, best = 1e-12, float("inf")
    for epoch in history:
        assert epoch["learning_rate"] == pytest.approx(rate)
        rate, best = (rate, epoch["loss"]) if epoch["loss"] < best else (rate * 0.5, best)
    assert rate < 1e-12


VARIANTS = {
    "sgd and plateau": {"optimiser": "sgd", "plateau": PlateauSettings(0, 0.5)},
    "adamw, best weights, early stop": {
        "optimiser": "adamw",
        "checkpoint": "best",
        "early_stopping_patience": 2,
        "epochs": 6,
    },
}


@pytest.mark.parametrize("stop_at", [2, 3, 5, 8])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_stopped_run_ends_with_the_same_bits(runtime, tmp_path, variant, stop_at):
    def validate(net):
        return round(float(next(net.parameters()).detach().sum()) * 10) / 10

    def run(task, **runtime_changes):
        changed = dataclasses.replace(runtime, **runtime_changes)
        return fit("run", model(), task, settings(**VARIANTS[variant]), 3, changed, validate)

    whole = run(regression(), resume_path=tmp_path / "other")
    seen = []
    with pytest.raises(StoppedError, match="of a test"):
        run(regression(seen=seen), stop=lambda: "of a test" if len(seen) >= stop_at else None)
    torch.manual_seed(99)
    resumed = run(regression(seen=seen))
    assert same(whole.model, resumed.model)
    assert whole.history == resumed.history
    assert whole.best.epoch == resumed.best.epoch
