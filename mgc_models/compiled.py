"""The forward pass through torch.compile, where that pays."""

from collections.abc import Callable
from typing import Any

import torch

from mgc_models.runtime import Runtime

# Compiling the thesis' model takes 20 to 40 s and saves about 20 ms a step on one H200 (docs/performance.md).
_WORTH_STEPS = 5_000


def compiles(runtime: Runtime, steps: int) -> bool:
    """Whether a run of so many steps goes through torch.compile: as told, else on a CUDA device if it is long."""
    if runtime.compile is not None:
        return runtime.compile
    return runtime.device.type == "cuda" and steps >= _WORTH_STEPS


def compiled(call: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """A compiled `call` for batches of one size; on a CUDA device its kernels are replayed as one graph.

    Without graphs, starting several hundred small kernels takes longer than running them at the thesis' batch of 48.
    """
    mode = "reduce-overhead" if runtime.device.type == "cuda" else None
    return torch.compile(call, mode=mode, dynamic=False)
