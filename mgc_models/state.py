"""Where a training run stands."""

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.optim import Optimizer

from mgc_models.optimisers import Schedule


@dataclass
class Best:
    """The epoch with the best validation score so far; `weights` are kept where the settings want them."""

    score: float
    epoch: int
    weights: dict[str, Tensor] | None = None


@dataclass
class LoopState:
    """Everything that a resumed run needs to go on as if it had never stopped.

    Attributes:
        run_id: Which run.
        model: The model, on the device.
        optimiser: Adam, AdamW or SGD.
        schedule: Steps at the end of each epoch.
        sampler: State of the generator of orders and crops at the start of the present epoch.
        seed: Of what is drawn at every step.
        first_bad: First step of this epoch whose loss was not finite, or -1; on the device.
        epoch: Epochs finished.
        step: Steps finished in the present epoch.
        names: Names of the summed losses.
        sums: Losses of this epoch times batch size, float64 [len(names)], on the device.
        history: Mean losses of the finished epochs.
        best: The best epoch by its validation score; None before the first, or without a validation part.
        elapsed_s: Wall time of training, over all sessions.
        told_s: `elapsed_s` at the last progress line; no part of what is saved.
    """

    run_id: str
    model: nn.Module
    optimiser: Optimizer
    schedule: Schedule
    sampler: Tensor
    seed: int
    first_bad: Tensor
    epoch: int = 0
    step: int = 0
    names: list[str] = field(default_factory=list)
    sums: Tensor | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    best: Best | None = None
    elapsed_s: float = 0.0
    told_s: float = 0.0
