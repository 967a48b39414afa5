"""Compares bf16 with float32: gradients of one step, and the losses of equal runs in both."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mgc_models.bench.cases import Case
from mgc_models.bench.measure import first_step, history

PRECISIONS = ("float32", "auto")


@dataclass(frozen=True)
class Comparison:
    """Float32 beside the device's own precision.

    Attributes:
        gradient_difference: Norm of the difference of the first step's gradients over that of float32's.
        losses: Of every epoch by name: in float32, in the device's own precision.
    """

    gradient_difference: float
    losses: list[dict[str, tuple[float, float]]]


def compare(build: Callable[[], Case], device: torch.device, epochs: int) -> Comparison:
    """Train the same case twice from equal weights, over equal batches.

    Args:
        build: Gives the case anew, with equal weights every time.
        device: Where.
        epochs: Passes over the tracks.

    Raises:
        TrainingError: if a loss is not a finite number.
    """
    gradients = [_gradient(build(), device, precision) for precision in PRECISIONS]
    histories = [history(build(), device, epochs, precision) for precision in PRECISIONS]
    pairs = zip(*histories, strict=True)
    return Comparison(
        float((gradients[1] - gradients[0]).norm() / gradients[0].norm()),
        [{name: (exact[name], own[name]) for name in exact} for exact, own in pairs],
    )


def _gradient(case: Case, device: torch.device, precision: str) -> Tensor:
    first_step(case, device, precision)
    found = [parameter.grad for parameter in case.model.parameters() if parameter.grad is not None]
    return torch.cat([gradient.flatten().double() for gradient in found])
