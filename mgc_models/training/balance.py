"""How much each term of a loss moves the weights: gradient norms and cosines on one batch.

A term whose gradient is a thousandth of the others' is not learnt, whatever its weight looks like beside the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from logging import Logger

import torch
from torch import Tensor, nn

from mgc_models.config.sections import TrainSettings
from mgc_models.data.batches import Batch
from mgc_models.execution.run_log import LOSS_BALANCE
from mgc_models.execution.runtime import Runtime
from mgc_models.training.objectives import StepRandom, Task
from mgc_models.training.step import StepContext, weighted_terms

DROWNED = 1e-3
"""Below this share of the sum of all norms a term is not learnt beside the others."""


@dataclass(frozen=True)
class LossBalance:
    """Gradients of the weighted terms of a loss, over the parameters that all of them reach.

    Attributes:
        norms: By name of the term.
        cosines: By the names of two terms, `audio_loss, lyrics_loss`.
    """

    norms: Mapping[str, float]
    cosines: Mapping[str, float]

    @property
    def shares(self) -> dict[str, float]:
        """Norm of each term over the sum of all norms."""
        total = sum(self.norms.values()) or 1.0
        return {name: norm / total for name, norm in self.norms.items()}

    @property
    def drowned(self) -> list[str]:
        """Terms that the others leave no part in the steps."""
        return [name for name, share in self.shares.items() if share < DROWNED]

    def values(self) -> dict[str, float]:
        """All numbers under names of their own, as an event holds them."""
        found = {f"norm of {name}": norm for name, norm in self.norms.items()}
        found |= {f"share of {name}": share for name, share in self.shares.items()}
        return found | {f"cosine of {pair}": cosine for pair, cosine in self.cosines.items()}


def first_batch(task: Task, size: int, seed: int, device: torch.device) -> Batch:
    """The first tracks of the first epoch, in the order and with the crops and masks of a run of this seed."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(task.samples, generator=generator)
    positions = torch.rand(task.samples, dtype=torch.float64, generator=generator)
    (batch,) = task.batches(order, positions, [slice(0, size)])
    own = slice(0, len(batch.labels))
    return task.randomise(batch, StepRandom(torch.Generator(device).manual_seed(seed), own.stop, own))


def loss_balance(model: nn.Module, task: Task, batch: Batch, runtime: Runtime) -> LossBalance:
    """Measure the terms of a loss on one batch; weights, their gradients and random states stay as they were."""
    devices = [runtime.device] if runtime.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        terms = weighted_terms(StepContext(model.train(), task.entry(model), task, 1, runtime), batch)
    gradients = _shared_gradients(terms, [one for one in model.parameters() if one.requires_grad])
    norms = {name: float(gradient.norm()) for name, gradient in gradients.items()}
    cosines = {
        f"{one}, {other}": float(gradients[one] @ gradients[other]) / ((norms[one] * norms[other]) or 1.0)
        for one, other in combinations(gradients, 2)
    }
    return LossBalance(norms, cosines)


def _shared_gradients(terms: Mapping[str, Tensor], parameters: list[nn.Parameter]) -> dict[str, Tensor]:
    found = {
        name: torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
        for name, term in terms.items()
    }
    everywhere = [all(own[place] is not None for own in found.values()) for place in range(len(parameters))]
    return {
        name: torch.cat([one.detach().flatten().float() for one, chosen in zip(own, everywhere, strict=True) if chosen])
        for name, own in found.items()
    }


def report_balance(
    run_id: str, model: nn.Module, task: Task, settings: TrainSettings, seed: int, runtime: Runtime
) -> None:
    """Measure a loss of several terms before its training begins; the log and the events of the run get what is found.

    A run that goes on where it stopped is not measured again. Only the first process does it, on as many tracks as it
    works through at once.
    """
    terms = len(task.weights) + (task.contrast is not None)
    if terms < 2 or not runtime.group.first or runtime.events.records(LOSS_BALANCE):
        return
    size = max(2, settings.batch_size // (settings.gradient_accumulation_steps * runtime.group.size))
    found = loss_balance(model, task, first_batch(task, size, seed, runtime.device), runtime)
    runtime.events.write(LOSS_BALANCE, **found.values())
    _tell(run_id, found, runtime.log)


def _tell(run_id: str, balance: LossBalance, log: Logger) -> None:
    shares = ", ".join(f"{name} {share:.2g}" for name, share in balance.shares.items())
    log.info("run %s: share of each loss in the gradient at the start: %s", run_id, shares)
    for name in balance.drowned:
        log.warning(
            "run %s: %s has less than %g of the gradient and will hardly be learnt beside the others; see "
            "docs/decisions/jiang2024.md#balance-of-the-losses",
            run_id,
            name,
            DROWNED,
        )
