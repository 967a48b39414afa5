"""Settings by which a run is executed, as opposed to what it computes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mgc_models.errors import DeviceError
from mgc_models.execution.distributed import Group
from mgc_models.execution.run_log import EventLog, Scalars


@dataclass(frozen=True)
class Runtime:
    """Settings of the execution of a run; nothing here changes what is computed on a CPU.

    Attributes:
        device: Where the model lies.
        log: Takes the progress lines.
        events: Takes the learning curve while it grows.
        resume_path: The resume state.
        checkpoint_every_s: Longest time between two resume states within an epoch.
        compile: Whether the forward pass goes through `torch.compile`; None: where that pays.
        precision: `auto`: bf16 on a CUDA device that has it; `float32` everywhere.
        stop: Gives a reason to stop, or None.
        group: The processes that train together.
        scalars: Takes the same numbers as the log, for TensorBoard.
    """

    device: torch.device
    log: logging.Logger
    events: EventLog
    resume_path: Path
    checkpoint_every_s: float
    compile: bool | None
    stop: Callable[[], str | None]
    group: Group = field(default_factory=Group)
    precision: str = "auto"
    scalars: Scalars = lambda _step, _values: None

    @property
    def uses_bfloat16(self) -> bool:
        """Whether forward passes are computed in bf16."""
        return self.precision == "auto" and self.device.type == "cuda" and torch.cuda.is_bf16_supported()

    @property
    def executed_on(self) -> dict[str, str]:
        """Device and arithmetic that the numbers of a run depend on in their last digits."""
        on_cuda = self.device.type == "cuda"
        device = torch.cuda.get_device_name(self.device) if on_cuda else "cpu"
        return {"device": device, "arithmetic": "bfloat16" if self.uses_bfloat16 else "float32"}

    def autocast(self) -> torch.autocast:
        """Context of a forward pass, in the precision that `precision` says."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.uses_bfloat16)


# Compiling the thesis' model takes 20 to 40 s and saves about 20 ms a step on one H200 (docs/performance.md).
_WORTH_STEPS = 5_000


def compiles(runtime: Runtime, steps: int) -> bool:
    """Whether a run of so many steps goes through torch.compile: as set, else on a CUDA device if it is long."""
    if runtime.compile is not None:
        return runtime.compile
    return runtime.device.type == "cuda" and steps >= _WORTH_STEPS


def compiled(call: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """A compiled `call` for batches of one size; on a CUDA device its kernels are replayed as one graph.

    Without graphs, starting several hundred small kernels takes longer than running them at the thesis' batch of 48.
    """
    mode = "reduce-overhead" if runtime.device.type == "cuda" else None
    return torch.compile(call, mode=mode, dynamic=False)


def choose_device(name: str) -> torch.device:
    """`auto`: the CUDA device if there is one, else the CPU.

    Raises:
        DeviceError: if a CUDA device is asked for and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name}: this machine has {torch.cuda.device_count()} CUDA devices. Use auto or cpu.")
    return device
