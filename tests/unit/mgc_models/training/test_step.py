"""The gradients of a batch are the same whole, in parts, and over several processes."""

import os
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from mgc_models.data.batches import Batch
from mgc_models.execution.distributed import BatchShard, Group
from mgc_models.training.objectives import ContrastiveTerm, LossTerms, Task, _pretrain
from mgc_models.training.step import TEMPERATURE, StepContext, training_step
from tests.unit.mgc_models.jiang_mae_tiny import PRETRAIN, batch, tiny_model
from tests.unit.mgc_models.tiny_runtime import in_processes, runtime_in

SIZE = 4
NOWHERE = Path(os.devnull)


def pretraining(direction="both"):
    """The thesis' loss on four pairs; the counts of masked tokens differ between samples."""
    model = tiny_model(lyrics_masking="tokens").train()
    model.register_parameter(TEMPERATURE, torch.nn.Parameter(torch.tensor(0.1).log()))
    inputs, audio_noise, text_noise = batch(SIZE)
    samples = Batch(inputs, torch.zeros(SIZE, 0), {}, {"audio_noise": audio_noise, "text_noise": text_noise})
    names = ("audio_loss", "lyrics_loss")
    task = Task(
        samples=SIZE,
        batches=lambda *_: iter(()),
        forward=lambda call, part: _pretrain(PRETRAIN, names, call, part),
        weights={"audio_loss": 1.0, "lyrics_loss": 20.0},
        contrast=ContrastiveTerm(3.0, 0.05, direction),
        entry=lambda module: module.pretrain,
        counts_known=False,
    )
    return model, task, samples


def gradients(model, task, samples, parts=1, group=None):
    runtime = runtime_in(NOWHERE, group)
    context = StepContext(model, task.entry(model), task, parts, runtime)
    share = runtime.group.share(SIZE)
    losses = training_step(context, samples.part(share.computed), share, SIZE)
    found = {}
    for name, parameter in model.named_parameters():
        grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        found[name] = runtime.group.add(grad).clone()
    return {name: value.item() for name, value in losses.items()}, found


def assert_same(one, other):
    assert one[0] == pytest.approx(other[0], rel=1e-5)
    for name, grad in one[1].items():
        torch.testing.assert_close(grad, other[1][name], rtol=1e-3, atol=2e-5 * (1 + grad.abs().max().item()), msg=name)


@pytest.mark.parametrize("direction", ["lyrics", "audio", "both"])
@pytest.mark.parametrize("parts", [2, 3, 9])
def test_a_batch_in_parts_gives_the_losses_and_gradients_of_the_whole(parts, direction):
    whole, divided = (gradients(*pretraining(direction), parts=count) for count in (1, parts))
    assert_same(whole, divided)
    assert whole[1][TEMPERATURE].abs() > 1e-4
    assert whole[0]["contrastive_chance"] == 1 / SIZE


def test_parts_without_the_others_embeddings_would_give_another_contrastive_loss():
    """What the two passes are for: with candidates from the own part alone the loss is far from the whole batch's."""
    model, task, samples = pretraining()
    whole = gradients(model, task, samples)[0]["contrastive_loss"]
    half = samples.part(slice(0, 2))
    context = StepContext(model, task.entry(model), task, 1, runtime_in(NOWHERE))
    assert training_step(context, half, BatchShard(0, 2), 2)["contrastive_loss"].item() < 0.8 * whole


def test_dropout_drops_the_same_in_both_passes():
    """Were the masks of the passes different, the embeddings of the first would not be those of the second."""
    seen = []

    def forward(call, part):
        vector = call(part.inputs["x"])
        seen.append(vector.detach().clone())
        return LossTerms({}, {}, vector, vector * 2 + 1)

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Dropout(0.5))
    task = Task(SIZE, lambda *_: iter(()), forward, {}, ContrastiveTerm(1.0, 0.1, "lyrics"))
    samples = Batch({"x": torch.randn(SIZE, 5)}, torch.zeros(SIZE, 1))
    before = torch.get_rng_state()
    gradients(model, task, samples, parts=2)
    assert len(seen) == 4
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert not torch.equal(before, torch.get_rng_state())


def test_shares_cover_a_batch_once_and_an_empty_one_computes_something():
    for total in range(1, 12):
        shares = [Group(rank, 4).share(total) for rank in range(4)]
        assert [shares[0].first, shares[-1].last] == [0, total]
        assert all(one.last == other.first for one, other in pairwise(shares))
        assert max(s.last - s.first for s in shares) - min(s.last - s.first for s in shares) <= 1
        assert all(share.computed.stop > share.computed.start for share in shares)


def _member(parts, group):
    losses, grads = gradients(*pretraining(), parts=parts, group=group)
    assert group.from_first(group.rank) == 0
    assert group.largest(float(group.rank), 0.0) == [group.size - 1.0, 0.0]
    return {"losses": losses, "gradients": grads}


@pytest.mark.parametrize(("size", "parts"), [(2, 1), (3, 2), (5, 1)])
def test_several_processes_give_the_losses_and_gradients_of_one(tmp_path, size, parts):
    """With five processes, one has no sample of its own."""
    whole = gradients(*pretraining())
    for found in in_processes(size, partial(_member, parts), tmp_path):
        assert_same(whole, (found["losses"], found["gradients"]))
