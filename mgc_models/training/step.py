"""One training step: losses and gradients of a batch, whole, in parts, or over several processes - always the same.

Every loss is a mean over the whole batch: a sum of parts over a count, or the contrastive loss, in which every sample
meets all others. A part computes with gradients only for its own samples and takes the others' counts and embeddings as
numbers. The gradient of the whole batch's loss is then the sum of the parts' gradients, exactly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mgc_models.data.batches import Batch
from mgc_models.execution.batch_norm import count_samples
from mgc_models.execution.distributed import Group, Share
from mgc_models.execution.runtime import Runtime
from mgc_models.training.losses import contrastive_loss
from mgc_models.training.objectives import Outcome, Task

TEMPERATURE = "log_temperature"


@dataclass(frozen=True)
class Learner:
    """What a step works with.

    Attributes:
        model: On the device.
        call: What of it the task calls.
        task: What is learnt.
        parts: Into how many a batch is divided.
        runtime: Device, precision, group.
        fast: The same as `call`, compiled for `usual` samples; None: not compiled.
        usual: Samples of all parts but those of a smaller last batch.
    """

    model: nn.Module
    call: Callable[..., Any]
    task: Task
    parts: int
    runtime: Runtime
    fast: Callable[..., Any] | None = None
    usual: int = 0

    @property
    def group(self) -> Group:
        """The processes that share the step."""
        return self.runtime.group


@dataclass
class _Whole:
    """What a part needs to know of all others: counts, and embeddings without gradients."""

    total: int
    counts: dict[str, Tensor]
    audio: Tensor | None
    text: Tensor | None


def learn(learner: Learner, batch: Batch, share: Share, total: int) -> dict[str, Tensor]:
    """Fill the gradients of a model with those of the loss of a whole batch.

    Args:
        learner: The model and how it is trained; its gradients are empty.
        batch: This process' samples.
        share: Which samples of the whole batch these are.
        total: Samples in the whole batch.

    Returns:
        `loss`, and every named mean of the whole batch; scalars without gradients, the same in every process.
    """
    places = _places(share, learner.parts)
    if learner.group.size > 1:
        count_samples(learner.model, counted=share.last > share.first)
    if len(places) == 1 and learner.parts == 1:
        outcome = _forward(learner, batch)
        whole = _exchange(learner, [outcome], places, total)
        return _report(learner, [_backward(learner, outcome, places[0], whole, is_first=True)], whole)
    parts = [batch.part(slice(place.first - share.first, place.last - share.first)) for place in places]
    states, whole = _first_pass(learner, parts if share.last > share.first else [batch], places, total)
    values = []
    for number, (part, place) in enumerate(zip(parts, places, strict=True)):
        if states:
            _set_random_state(states[number], learner.runtime.device)
        outcome = _forward(learner, part if share.last > share.first else batch)
        values.append(_backward(learner, outcome, place, whole, is_first=number == 0))
    return _report(learner, values, whole)


def _places(share: Share, parts: int) -> list[Share]:
    count = max(1, min(parts, share.last - share.first))
    return [
        Share(share.first + own.first, share.first + own.last)
        for own in (Group(number, count).share(share.last - share.first) for number in range(count))
    ]


def _forward(learner: Learner, batch: Batch) -> Outcome:
    call = learner.fast if learner.fast is not None and len(batch.labels) == learner.usual else learner.call
    with learner.runtime.autocast():
        return learner.task.forward(call, batch)


def _first_pass(
    learner: Learner, parts: Sequence[Batch], places: Sequence[Share], total: int
) -> tuple[list[dict[str, Tensor]], _Whole]:
    """Counts and embeddings of all parts, without gradients, and the random states that give the same again."""
    task, device = learner.task, learner.runtime.device
    if not task.needs_first_pass:
        count = torch.full((), float(total), device=device)
        return [], _Whole(total, dict.fromkeys(task.weights, count), None, None)
    states, outcomes = [], []
    with torch.no_grad():
        for part in parts:
            states.append(_random_state(device))
            outcomes.append(_forward(learner, part))
    return states, _exchange(learner, outcomes, places, total)


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    return state | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _set_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def _exchange(learner: Learner, outcomes: Sequence[Outcome], places: Sequence[Share], total: int) -> _Whole:
    names = list(learner.task.weights)
    counted = places[-1].last > places[0].first
    counts = torch.zeros(len(names), device=learner.runtime.device)
    for outcome in outcomes if counted and names else ():
        counts += torch.stack([outcome.counts[name].detach().float() for name in names])
    learner.group.add(counts)
    contrasted = learner.task.contrast is not None
    return _Whole(
        total,
        dict(zip(names, counts.clamp(min=1), strict=True)),
        _embeddings(learner.group, [o.audio_embedding for o in outcomes], places, total) if contrasted else None,
        _embeddings(learner.group, [o.text_embedding for o in outcomes], places, total) if contrasted else None,
    )


def _embeddings(group: Group, parts: Sequence[Tensor | None], places: Sequence[Share], total: int) -> Tensor:
    """All samples' embeddings, [total, D]. Adding zeros is exact, so the sum over processes only puts together."""
    found = torch.cat([part.detach().float() for part in parts if part is not None])
    if len(found) == total and group.size == 1:
        return found
    everything = found.new_zeros(total, found.shape[1])
    first, last = places[0].first, places[-1].last
    everything[first:last] = found[: last - first]
    return group.add(everything)


def _backward(learner: Learner, outcome: Outcome, place: Share, whole: _Whole, *, is_first: bool) -> dict[str, Tensor]:
    """Add a part's gradients; gives its sums, and the contrastive loss of all parts."""
    task, share_counts = learner.task, float(place.last > place.first)
    loss = torch.zeros((), device=learner.runtime.device)
    values = {}
    for name, weight in task.weights.items():
        values[name] = outcome.sums[name].detach() * share_counts
        loss = loss + weight * share_counts * outcome.sums[name] / whole.counts[name]
    if task.contrast is not None and whole.audio is not None and whole.text is not None:
        audio = _with_own(whole.audio, outcome.audio_embedding, place)
        text = _with_own(whole.text, outcome.text_embedding, place)
        temperature = _temperature(learner, is_first=is_first)
        values["contrastive_loss"], values["contrastive_accuracy"] = contrastive_loss(
            audio, text, temperature, task.contrast.direction
        )
        loss = loss + task.contrast.weight * values["contrastive_loss"]
    loss.backward()
    return {name: value.detach() for name, value in values.items()}


def _with_own(everything: Tensor, own: Tensor | None, place: Share) -> Tensor:
    if own is None:
        return everything
    if place.last == place.first:
        return everything + 0 * own.float().sum()
    if len(own) == len(everything):
        return own.float()
    return torch.cat([everything[: place.first], own.float(), everything[place.last :]])


def _temperature(learner: Learner, *, is_first: bool) -> float | Tensor:
    contrast = learner.task.contrast
    if contrast is None or not hasattr(learner.model, TEMPERATURE):
        return contrast.temperature if contrast else 1.0
    temperature = getattr(learner.model, TEMPERATURE).exp()
    # It belongs to no sample: of the equal gradients of all parts, one counts.
    return temperature if is_first and learner.group.first else temperature.detach()


def _report(learner: Learner, values: Sequence[Mapping[str, Tensor]], whole: _Whole) -> dict[str, Tensor]:
    task = learner.task
    means = {}
    if task.weights:
        sums = torch.stack([sum(part[name] for part in values) for name in task.weights])  # type: ignore[misc]
        learner.group.add(sums)
        means = {name: total / whole.counts[name] for name, total in zip(task.weights, sums, strict=True)}
    loss = sum(
        (task.weights[name] * mean for name, mean in means.items()), torch.zeros((), device=learner.runtime.device)
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
