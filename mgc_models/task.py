"""What a training loop must know of a thing to learn: samples, forward pass, and what its loss is made of."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mgc_models.data import Batch


@dataclass(frozen=True)
class Outcome:
    """What a forward pass gives for some samples.

    Attributes:
        sums: Named sums over the samples, scalars with gradients.
        counts: What each is to be divided by, in all parts together; scalars without gradients.
        audio_embedding: To be contrasted, [b, D], or None.
        text_embedding: Likewise.
    """

    sums: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    audio_embedding: Tensor | None = None
    text_embedding: Tensor | None = None


@dataclass(frozen=True)
class Contrast:
    """Weight, temperature and direction of the contrastive loss; a model's `log_temperature` goes before the second."""

    weight: float
    temperature: float
    direction: str


@dataclass(frozen=True)
class Draws:
    """Random numbers of one step, drawn for the whole batch, so that they do not depend on how it is divided.

    Attributes:
        generator: On the device.
        total: Samples in the whole batch.
        own: Which of them are wanted.
    """

    generator: torch.Generator
    total: int
    own: slice

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1), float32 [own samples, *shape]."""
        generator = self.generator
        return torch.rand((self.total, *shape), generator=generator, device=generator.device)[self.own]


@dataclass(frozen=True)
class Task:
    """What is learnt.

    Attributes:
        samples: Training samples, numbered from 0.
        batches: Gives one batch for each slice of an order: (order int64 [n], uniform numbers for the crops float64
            [n], both on the CPU; slices).
        forward: Gives the outcome for a batch: (what `entry` gave, batch).
        weights: What every named mean counts in the loss.
        contrast: The contrastive term, or None.
        entry: What of a model is called, and compiled.
        randomise: Adds to a batch what is drawn at every step.
        counts_known: Whether every count is the number of samples, and so known before the forward pass.
    """

    samples: int
    batches: Callable[[Tensor, Tensor, Sequence[slice]], Generator[Batch, None, None]]
    forward: Callable[[Callable[..., Any], Batch], Outcome]
    weights: Mapping[str, float]
    contrast: Contrast | None = None
    entry: Callable[[nn.Module], Callable[..., Any]] = lambda model: model
    randomise: Callable[[Batch, Draws], Batch] = lambda batch, _: batch
    counts_known: bool = True

    @property
    def needs_first_pass(self) -> bool:
        """Whether a part of a batch must know what a forward pass gives for the others."""
        return self.contrast is not None or not self.counts_known
