"""The shared batch normalisation by itself is torch's own; what differs with several processes: test_processes.py."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mgc_models.errors import ModelError
from mgc_models.execution.batch_norm import SharedBatchNorm, share_batch_norms
from mgc_models.execution.distributed import Group

KINDS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def pair(axes: int, channels: int, **options: float) -> tuple[nn.Module, SharedBatchNorm]:
    """torch's, and ours in place of an equal one."""
    norms = []
    for _ in range(2):
        torch.manual_seed(2)
        norm = KINDS[axes](channels, **options)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        norms.append(norm)
    return norms[0], SharedBatchNorm(norms[1], Group())


def learnt(norm: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Output, gradients and state after a step, then the output in evaluation."""
    inputs = inputs.clone().requires_grad_()
    outputs = norm(inputs)
    (outputs.float() * torch.linspace(-1, 2, outputs.numel()).view_as(outputs)).sum().backward()
    state = [value.clone() for value in norm.state_dict().values()]
    gradients = [inputs.grad, norm.weight.grad, norm.bias.grad]
    return [outputs.detach(), *gradients, *state, norm.eval()(inputs).detach()]


@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_one_process_computes_what_torch_does(shape: list[int]) -> None:
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()
    theirs, ours = (norm.double() for norm in pair(len(shape), shape[1], eps=1e-3, momentum=0.3))
    if inputs.numel() == shape[1]:
        for norm in (ours, theirs):
            with pytest.raises(ValueError, match=r"more than (one|1)"):
                norm(inputs)
        return
    for found, expected in zip(learnt(ours, inputs), learnt(theirs, inputs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_a_large_mean_does_not_swallow_the_variance() -> None:
    inputs = torch.randn(8, 3, 6, generator=torch.Generator().manual_seed(1)) + 3e3
    theirs, ours = pair(3, 3)
    torch.testing.assert_close(ours(inputs), theirs(inputs), rtol=0, atol=5e-3)


def test_half_precision_goes_in_and_out_and_is_computed_in_float32() -> None:
    inputs = (torch.randn(4, 3, 6, generator=torch.Generator().manual_seed(1)) + 100).bfloat16()
    theirs, ours = pair(3, 3)
    found, expected = learnt(ours, inputs), learnt(theirs, inputs.float())
    assert found[0].dtype == found[1].dtype == torch.bfloat16
    assert {value.dtype for value in found[2:6]} == {torch.float32}
    torch.testing.assert_close(found[0].float(), expected[0], rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(found[5], expected[5])


def test_the_replaced_module_gives_its_own_parameters_and_names() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4)))
    parameters, names = [id(parameter) for parameter in model.parameters()], list(model.state_dict())
    assert not share_batch_norms(model, Group())
    assert isinstance(model[1][0], nn.BatchNorm1d)
    assert share_batch_norms(model, Group(0, 2))
    assert isinstance(model[1][0], SharedBatchNorm)
    assert [id(parameter) for parameter in model.parameters()] == parameters
    assert list(model.state_dict()) == names
    assert share_batch_norms(model, Group(0, 2)), "also when it is asked again"
    with pytest.raises(ModelError, match=r"BatchNorm1d.*expected affine"):
        share_batch_norms(nn.Sequential(nn.BatchNorm1d(4, affine=False)), Group(0, 2))
