"""One training step: losses and gradients of a batch, whole, in micro-batches or over processes, always the same.

Every loss is a mean over the whole batch: a sum of micro-batches over a count, or the contrastive loss, in which every
sample meets all others. A micro-batch computes with gradients only for its own samples and takes the counts and
embeddings of the others as numbers. The gradient of the whole batch's loss is then exactly the sum of the gradients of
the micro-batches.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from mgc_models.data.batches import Batch
from mgc_models.execution.batch_norm import count_samples
from mgc_models.execution.distributed import BatchShard, Group
from mgc_models.execution.runtime import Runtime
from mgc_models.training.losses import contrastive_loss
from mgc_models.training.objectives import LossTerms, Task

TEMPERATURE = "log_temperature"


@dataclass(frozen=True)
class StepContext:
    """The model, optimiser and state that a step works with.

    Attributes:
        model: On the device.
        call: What of it the task calls.
        task: What is learnt.
        micro_batches: Into how many a batch is divided.
        runtime: Device, precision, group.
        fast: The same as `call`, compiled for `usual` samples; None: not compiled.
        usual: Samples of all micro-batches but those of a smaller last batch.
    """

    model: nn.Module
    call: Callable[..., Any]
    task: Task
    micro_batches: int
    runtime: Runtime
    fast: Callable[..., Any] | None = None
    usual: int = 0

    @property
    def group(self) -> Group:
        """The processes that share the step."""
        return self.runtime.group


@dataclass
class GlobalBatch:
    """Facts of the whole batch that a micro-batch needs: counts, and embeddings without gradients."""

    total: int
    counts: dict[str, Tensor]
    audio: Tensor | None
    text: Tensor | None


def training_step(context: StepContext, batch: Batch, share: BatchShard, total: int) -> dict[str, Tensor]:
    """Fill the gradients of a model with those of the loss of a whole batch.

    Args:
        context: The model and how it is trained; its gradients are empty.
        batch: This process' samples.
        share: Which samples of the whole batch these are.
        total: Samples in the whole batch.

    Returns:
        `loss`, and every named mean of the whole batch; scalars without gradients, the same in every process.
    """
    shards = _shards(share, context.micro_batches)
    if context.group.size > 1:
        count_samples(context.model, counted=share.last > share.first)
    if len(shards) == 1 and context.micro_batches == 1:
        terms = _forward(context, batch)
        whole = _exchange(context, [terms], shards, total)
        return _report(context, [_backward(context, terms, shards[0], whole, is_first=True)], whole)
    micro_batches = [batch.part(slice(shard.first - share.first, shard.last - share.first)) for shard in shards]
    states, whole = _first_pass(context, micro_batches if share.last > share.first else [batch], shards, total)
    values = []
    for number, (micro_batch, shard) in enumerate(zip(micro_batches, shards, strict=True)):
        if states:
            _set_random_state(states[number], context.runtime.device)
        terms = _forward(context, micro_batch if share.last > share.first else batch)
        values.append(_backward(context, terms, shard, whole, is_first=number == 0))
    return _report(context, values, whole)


def weighted_terms(context: StepContext, batch: Batch) -> dict[str, Tensor]:
    """What every term adds to the loss of a batch that this process has to itself; scalars with gradients."""
    size = len(batch.labels)
    alone = replace(context, runtime=replace(context.runtime, group=Group()))
    terms, shard = _forward(alone, batch), BatchShard(0, size)
    return _weighted(alone, terms, shard, _exchange(alone, [terms], [shard], size), is_first=True)[0]


def _shards(share: BatchShard, micro_batches: int) -> list[BatchShard]:
    count = max(1, min(micro_batches, share.last - share.first))
    return [
        BatchShard(share.first + own.first, share.first + own.last)
        for own in (Group(number, count).share(share.last - share.first) for number in range(count))
    ]


def _forward(context: StepContext, batch: Batch) -> LossTerms:
    call = context.fast if context.fast is not None and len(batch.labels) == context.usual else context.call
    with context.runtime.autocast():
        return context.task.forward(call, batch)


def _first_pass(
    context: StepContext, micro_batches: Sequence[Batch], shards: Sequence[BatchShard], total: int
) -> tuple[list[dict[str, Tensor]], GlobalBatch]:
    """Counts and embeddings of all micro-batches, without gradients, and the random states that give the same again."""
    task, device = context.task, context.runtime.device
    if not task.needs_first_pass:
        count = torch.full((), float(total), device=device)
        return [], GlobalBatch(total, dict.fromkeys(task.weights, count), None, None)
    states, terms_of_parts = [], []
    with torch.no_grad():
        for micro_batch in micro_batches:
            states.append(_random_state(device))
            terms_of_parts.append(_forward(context, micro_batch))
    return states, _exchange(context, terms_of_parts, shards, total)


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def _exchange(
    context: StepContext, terms_of_parts: Sequence[LossTerms], shards: Sequence[BatchShard], total: int
) -> GlobalBatch:
    names = list(context.task.weights)
    counted = shards[-1].last > shards[0].first
    counts = torch.zeros(len(names), device=context.runtime.device)
    for terms in terms_of_parts if counted and names else ():
        counts += torch.stack([terms.counts[name].detach().float() for name in names])
    context.group.add(counts)
    contrasted = context.task.contrast is not None
    return GlobalBatch(
        total,
        dict(zip(names, counts.clamp(min=1), strict=True)),
        _embeddings(context.group, [o.audio_embedding for o in terms_of_parts], shards, total) if contrasted else None,
        _embeddings(context.group, [o.text_embedding for o in terms_of_parts], shards, total) if contrasted else None,
    )


def _embeddings(
    group: Group, micro_batches: Sequence[Tensor | None], shards: Sequence[BatchShard], total: int
) -> Tensor:
    """All samples' embeddings, [total, D]. Adding zeros is exact, so the sum over processes only puts together."""
    found = torch.cat([micro_batch.detach().float() for micro_batch in micro_batches if micro_batch is not None])
    if len(found) == total and group.size == 1:
        return found
    everything = found.new_zeros(total, found.shape[1])
    first, last = shards[0].first, shards[-1].last
    everything[first:last] = found[: last - first]
    return group.add(everything)


def _backward(
    context: StepContext, terms: LossTerms, shard: BatchShard, whole: GlobalBatch, *, is_first: bool
) -> dict[str, Tensor]:
    """Add a micro-batch's gradients; gives its sums, and the contrastive loss of all micro-batches."""
    weighted, values = _weighted(context, terms, shard, whole, is_first=is_first)
    sum(weighted.values(), torch.zeros((), device=context.runtime.device)).backward()
    return {name: value.detach() for name, value in values.items()}


def _weighted(
    context: StepContext, terms: LossTerms, shard: BatchShard, whole: GlobalBatch, *, is_first: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What a micro-batch adds to the loss, term by term; its sums, and the contrastive loss of all micro-batches."""
    task, share_counts = context.task, float(shard.last > shard.first)
    weighted, values = {}, {}
    for name, weight in task.weights.items():
        values[name] = terms.sums[name].detach() * share_counts
        weighted[name] = weight * share_counts * terms.sums[name] / whole.counts[name]
    if task.contrast is not None and whole.audio is not None and whole.text is not None:
        audio = _with_own(whole.audio, terms.audio_embedding, shard)
        text = _with_own(whole.text, terms.text_embedding, shard)
        temperature = _temperature(context, is_first=is_first)
        values["contrastive_loss"], values["contrastive_accuracy"] = contrastive_loss(
            audio, text, temperature, task.contrast.direction
        )
        weighted["contrastive_loss"] = task.contrast.weight * values["contrastive_loss"]
    return weighted, values


def _with_own(everything: Tensor, own: Tensor | None, shard: BatchShard) -> Tensor:
    if own is None:
        return everything
    if shard.last == shard.first:
        return everything + 0 * own.float().sum()
    if len(own) == len(everything):
        return own.float()
    return torch.cat([everything[: shard.first], own.float(), everything[shard.last :]])


def _temperature(context: StepContext, *, is_first: bool) -> float | Tensor:
    contrast = context.task.contrast
    if contrast is None or not hasattr(context.model, TEMPERATURE):
        return contrast.temperature if contrast else 1.0
    temperature = getattr(context.model, TEMPERATURE).exp()
    # It belongs to no sample: of the equal gradients of all micro-batches, one counts.
    return temperature if is_first and context.group.first else temperature.detach()


def _report(context: StepContext, values: Sequence[Mapping[str, Tensor]], whole: GlobalBatch) -> dict[str, Tensor]:
    task = context.task
    means = {}
    if task.weights:
        sums = torch.stack([sum(micro_batch[name] for micro_batch in values) for name in task.weights])  # type: ignore[misc]
        context.group.add(sums)
        means = {name: total / whole.counts[name] for name, total in zip(task.weights, sums, strict=True)}
    loss = sum(
        (task.weights[name] * mean for name, mean in means.items()), torch.zeros((), device=context.runtime.device)
    )
    report = {name: mean for name, mean in means.items() if name != "loss"}
    if task.contrast is not None:
        contrastive = values[0]["contrastive_loss"]
        loss = loss + task.contrast.weight * contrastive
        report |= {
            "contrastive_loss": contrastive,
            "contrastive_accuracy": values[0]["contrastive_accuracy"],
            # Guessing is right for one track of every batch, also of a smaller last one.
            "contrastive_chance": torch.full_like(contrastive, 1 / whole.total),
        }
    return {"loss": loss, **report}
