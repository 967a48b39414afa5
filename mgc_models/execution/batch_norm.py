"""Batch normalisation over several processes: by the statistics of the whole batch, as one process computes them.

torch's own `SyncBatchNorm` runs on accelerators alone, and counts the sample that a process without samples computes.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from mgc_models.errors import ModelError
from mgc_models.execution.distributed import Group

_LOCAL = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class SharedBatchNorm(nn.Module):
    """A batch normalisation that takes its statistics in training from the samples of all processes.

    Parameters and buffers are those of the module that it replaces, by the same names, so that optimisers, weights and
    resume states fit both.

    Args:
        norm: The module that is replaced; it learns a scale and a shift and keeps running statistics.
        group: The processes.

    Attributes:
        counted: Whether this process' samples are part of the batch. A process without a sample of its own computes
            one all the same, and that one must not be seen in any statistic.

    Raises:
        ModelError: if the module has no scale and shift, no running statistics, or a cumulative average of them.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, group: Group) -> None:
        super().__init__()
        if norm.momentum is None or not (norm.affine and norm.track_running_stats):
            raise ModelError(f"{norm}: over several processes, expected affine, running statistics and a momentum")
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers():
            self.register_buffer(name, buffer)
        self.eps, self.momentum = norm.eps, norm.momentum
        self.group, self.counted = group, True
        self.train(norm.training)

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise `[B, C, ...]` channel by channel; of B samples here, each process may have another number.

        Raises:
            ValueError: in training, if a channel has but one value in all processes together.
        """
        if not self.training:
            return F.batch_norm(inputs, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        mean, variance, count = _statistics(inputs.detach(), self.group, counted=self.counted)
        self._track(mean, variance, count)
        inverse = torch.rsqrt(variance + self.eps)
        normalised: Tensor = _Normalise.apply(
            inputs, self.weight, self.bias, mean, inverse, count, self.group, self.counted
        )
        return normalised

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        unbiased = variance * count / (count - 1)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)


def share_batch_norms(model: nn.Module, group: Group) -> bool:
    """Replace every batch normalisation below a model by one over all processes, if there are several.

    Returns:
        Whether the model now has such.
    """
    if group.size == 1:
        return False
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, _LOCAL):
                setattr(module, name, SharedBatchNorm(child, group))
    return any(isinstance(module, SharedBatchNorm) for module in model.modules())


def count_samples(model: nn.Module, *, counted: bool) -> None:
    """Say whether the samples of the next forward pass are part of the batch."""
    for module in model.modules():
        if isinstance(module, SharedBatchNorm):
            module.counted = counted


def _statistics(inputs: Tensor, group: Group, *, counted: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Mean `[C]`, biased variance `[C]` and count of the values of each channel, the same bits in every process.

    Every process gives its own mean and squared deviations from it, which are then joined (Chan et al. 1979): sums of
    squares would lose the variance of a channel whose mean is large.
    """
    wide = _wide(inputs)
    channels, values = inputs.shape[1], inputs.numel() // inputs.shape[1]
    own = wide.new_zeros(2 * channels + 1)
    if counted:
        variance, mean = torch.var_mean(wide, _other_axes(inputs), correction=0)
        own = torch.cat([mean, variance * values, own.new_full((1,), float(values))])
    means, squares, counts = group.rows(own).split([channels, channels, 1], 1)
    count = counts.sum()
    # Asked of the device only where it may be so: the answer makes it wait.
    if values * counted <= 1 and count <= 1:
        raise ValueError(f"batch normalisation of {int(count)} value per channel; expected more than one in training")
    mean = (means * counts).sum(0) / count
    variance = (squares + counts * (means - mean).square()).sum(0) / count
    return mean, variance, count


class _Normalise(torch.autograd.Function):
    """Normalise with given statistics, whose gradient is that of all processes."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        inverse: Tensor,
        count: Tensor,
        group: Group,
        counted: bool,
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight, mean, inverse, count)
        ctx.group, ctx.counted = group, counted
        normal = (_wide(inputs) - _per_channel(mean, inputs)) * _per_channel(inverse, inputs)
        return (normal * _per_channel(weight, inputs) + _per_channel(bias, inputs)).to(inputs.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight, mean, inverse, count = ctx.saved_tensors
        normal = (_wide(inputs) - _per_channel(mean, inputs)) * _per_channel(inverse, inputs)
        wide = _wide(gradient) * ctx.counted
        axes = _other_axes(inputs)
        own = torch.stack([wide.sum(axes), (wide * normal).sum(axes)])
        of_bias, of_weight = (ctx.group.add(own.clone()) / count).unbind()
        through_statistics = _per_channel(of_bias, inputs) + normal * _per_channel(of_weight, inputs)
        of_inputs = (wide - through_statistics) * _per_channel(weight * inverse, inputs) * ctx.counted
        return of_inputs.to(inputs.dtype), own[1].to(weight.dtype), own[0].to(weight.dtype), *[None] * 5


def _wide(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _other_axes(inputs: Tensor) -> list[int]:
    return [axis for axis in range(inputs.ndim) if axis != 1]


def _per_channel(vector: Tensor, inputs: Tensor) -> Tensor:
    return vector.view(1, -1, *[1] * (inputs.ndim - 2))
