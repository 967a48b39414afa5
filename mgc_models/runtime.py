"""How a run is executed, as opposed to what it computes."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mgc_models.distributed import Group
from mgc_models.progress import EventLog
from mgc_models.tensorboard import Scalars


@dataclass(frozen=True)
class Runtime:
    """How a run is executed; nothing here changes what is computed on a CPU.

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
