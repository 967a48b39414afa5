"""The one training loop: resumable at every step, for any task, in one process or several."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing

import torch
from torch import Tensor, nn

from mgc_models.config.sections import TrainSettings
from mgc_models.data.batches import Batch
from mgc_models.errors import StoppedError, TrainingError
from mgc_models.execution.batch_norm import share_batch_norms
from mgc_models.execution.distributed import BatchShard
from mgc_models.execution.runtime import Runtime, compiled, compiles
from mgc_models.training.checkpoint import Best, LoopState, StateWriter, restore, save, state_writer
from mgc_models.training.objectives import StepRandom, Task
from mgc_models.training.optim import advance, build_optimiser, build_schedule
from mgc_models.training.reporting import report
from mgc_models.training.step import TEMPERATURE, StepContext, training_step

Validate = Callable[[nn.Module], float]
COLDEST = math.log(0.01)  # of a learned temperature: CLIP does not let similarities be scaled by more than 100


def fit(
    run_id: str,
    model: nn.Module,
    task: Task,
    settings: TrainSettings,
    seed: int,
    runtime: Runtime,
    validate: Validate | None = None,
) -> LoopState:
    """Train a model, from its resume state if there is one.

    Every sample is seen once per epoch, in an order and at crops that follow from `seed` alone; the last, smaller
    batch is used, unless it is a single sample without another to be contrasted with. The resume state is written at
    the end of each epoch, every `checkpoint_every_s` and on a stop.

    Args:
        run_id: Which run.
        model: On the device.
        task: What is learnt.
        settings: How.
        seed: Of orders, crops and what is drawn at every step.
        runtime: Device, log, reason to stop.
        validate: Scores a model on the validation part; None if there is none.

    Returns:
        The final state; its model has the weights that the settings keep, its resume state is on disk.

    Raises:
        TrainingError: if a loss is not a finite number.
        StoppedError: if `runtime.stop` gave a reason.
    """
    state = _start(run_id, model, settings, seed, runtime)
    if not runtime.group.first:
        # Built alike, the processes from here on drop out differently.
        torch.manual_seed((seed + runtime.group.rank) % (1 << 63))
    restore(state, runtime)
    context = _step_context(model, task, settings, runtime)
    with state_writer(runtime) as writer:
        while not _is_over(state, settings):
            _train_epoch(state, context, settings, writer)
            _finish_epoch(state, context, settings, validate)
            save(state, runtime, writer)
            report(state, _samples(task, settings), settings, runtime)
            if reason := _reason_to_stop(runtime):
                raise StoppedError(f"run {run_id}: stopped after epoch {state.epoch} because {reason}")
    if state.best is not None and state.best.weights is not None:
        model.load_state_dict(state.best.weights)
    return state


def _step_context(model: nn.Module, task: Task, settings: TrainSettings, runtime: Runtime) -> StepContext:
    call = task.entry(model)
    steps = settings.epochs * len(_spans(task, settings))
    # Compiled, a first pass without gradients may drop out otherwise than the second; both must be the same.
    two_passes = settings.gradient_accumulation_steps > 1 and task.needs_first_pass
    # A compiled pass cannot stop within for the statistics of the other processes.
    if share_batch_norms(model, runtime.group) or two_passes or not compiles(runtime, steps):
        return StepContext(model, call, task, settings.gradient_accumulation_steps, runtime)
    usual = settings.batch_size // (settings.gradient_accumulation_steps * runtime.group.size)
    return StepContext(model, call, task, settings.gradient_accumulation_steps, runtime, compiled(call, runtime), usual)


def _start(run_id: str, model: nn.Module, settings: TrainSettings, seed: int, runtime: Runtime) -> LoopState:
    optimiser = build_optimiser(model, settings, fused=runtime.device.type == "cuda")
    return LoopState(
        run_id=run_id,
        model=model,
        optimiser=optimiser,
        schedule=build_schedule(optimiser, settings),
        sampler=torch.Generator().manual_seed(seed).get_state(),
        seed=seed,
        first_bad=torch.full((), -1, device=runtime.device),
    )


def _is_over(state: LoopState, settings: TrainSettings) -> bool:
    if state.epoch >= settings.epochs:
        return True
    waited = state.epoch - state.best.epoch if state.best else 0
    return 0 < settings.early_stopping_patience <= waited


def _reason_to_stop(runtime: Runtime) -> str | None:
    """Why all processes stop, if any of them should."""
    reason = runtime.stop()
    stops = runtime.group.largest(float(reason is not None))[0] > 0
    return (reason or "another process of this run was told to") if stops else None


def _spans(task: Task, settings: TrainSettings) -> list[slice]:
    """Samples of every step, as places in the epoch's order."""
    size = settings.batch_size
    spans = [slice(first, min(first + size, task.samples)) for first in range(0, task.samples, size)]
    alone = len(spans) > 1 and spans[-1].stop - spans[-1].start == 1
    return spans[:-1] if alone and task.contrast is not None else spans


def _samples(task: Task, settings: TrainSettings) -> int:
    return _spans(task, settings)[-1].stop


def _train_epoch(state: LoopState, context: StepContext, settings: TrainSettings, writer: StateWriter) -> None:
    task, runtime = context.task, context.runtime
    generator = torch.Generator()
    generator.set_state(state.sampler)
    order = torch.randperm(task.samples, generator=generator)
    positions = torch.rand(task.samples, dtype=torch.float64, generator=generator)
    spans = _spans(task, settings)
    shares = [runtime.group.share(span.stop - span.start) for span in spans]
    computed = [
        slice(span.start + share.computed.start, span.start + share.computed.stop)
        for span, share in zip(spans, shares, strict=True)
    ]
    context.model.train()
    saved_at = before = time.monotonic()
    with closing(task.batches(order, positions, computed[state.step :])) as batches:
        for batch in batches:
            span, share = spans[state.step], shares[state.step]
            _train_step(state, context, batch, share, span.stop - span.start)
            now = time.monotonic()
            state.elapsed_s, before = state.elapsed_s + now - before, now
            due, reason = _agree(runtime, now - saved_at)
            if state.step < len(spans) and (reason or due):
                _check_finite(state)
                save(state, runtime, writer)
                report(state, _samples(task, settings), settings, runtime)
                saved_at = time.monotonic()
            if reason and state.step < len(spans):
                raise StoppedError(f"run {state.run_id}: stopped in epoch {state.epoch + 1} because {reason}")
    _check_finite(state)
    state.sampler = generator.get_state()


def _agree(runtime: Runtime, since_save_s: float) -> tuple[bool, str | None]:
    """Whether a state is to be written, and why to stop: the same in every process."""
    reason = runtime.stop()
    is_due = runtime.group.first and since_save_s >= runtime.checkpoint_every_s
    due, stops = runtime.group.largest(float(is_due), float(reason is not None))
    return due > 0, (reason or "another process of this run was told to") if stops else None


def _train_step(state: LoopState, context: StepContext, batch: Batch, share: BatchShard, total: int) -> None:
    draws = StepRandom(_generator(state, context.runtime), total, share.computed)
    state.optimiser.zero_grad(set_to_none=True)
    losses = training_step(context, context.task.randomise(batch, draws), share, total)
    if context.group.size > 1:
        context.group.add_all(_gradients(context.model))
    state.optimiser.step()
    bound_temperature(context.model)
    # Summed on the device: asking for a number here would make the accelerator wait at every step.
    weighted = torch.stack([value.double() for value in losses.values()]) * total
    state.sums = weighted if state.sums is None else state.sums + weighted
    state.names = list(losses)
    good = torch.isfinite(losses["loss"]) | (state.first_bad >= 0)
    state.first_bad = torch.where(good, state.first_bad, state.step)
    state.step += 1


def bound_temperature(model: nn.Module) -> None:
    """Keep a learned temperature from falling below 0.01, as CLIP does after each step (Radford et al. 2021, 2.5)."""
    temperature = getattr(model, TEMPERATURE, None)
    if temperature is not None:
        with torch.no_grad():
            temperature.clamp_(min=COLDEST)


def _generator(state: LoopState, runtime: Runtime) -> torch.Generator:
    """Seed a generator for what is drawn at this step, so that a resumed run draws the same."""
    seed = (state.seed + (state.epoch << 40) + (state.step << 8) + 1) % (1 << 63)
    return torch.Generator(runtime.device).manual_seed(seed)


def _gradients(model: nn.Module) -> Sequence[Tensor]:
    """The gradients of all that was used; the same parameters in every process, in one order."""
    temperature = getattr(model, TEMPERATURE, None)
    if temperature is not None and temperature.grad is None:
        temperature.grad = torch.zeros_like(temperature)  # another process has it
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


def _finish_epoch(state: LoopState, context: StepContext, settings: TrainSettings, validate: Validate | None) -> None:
    count = _samples(context.task, settings)
    means = [] if state.sums is None else (state.sums / count).tolist()
    epoch = dict(zip(state.names, means, strict=True))
    epoch["learning_rate"] = state.optimiser.param_groups[0]["lr"]
    state.epoch, state.step, state.sums = state.epoch + 1, 0, None
    if validate is not None:
        group = context.group
        score = group.from_first(validate(context.model) if group.first else None)
        epoch[f"validation_{settings.selection}"] = score
        _remember_best(state, settings, score)
    state.history.append(epoch)
    advance(state.schedule, epoch["loss"])


def _remember_best(state: LoopState, settings: TrainSettings, score: float) -> None:
    # A model that predicts nothing yet scores 0 epoch after epoch: the latest of these is kept, and none is waited for.
    if state.best is not None and score <= state.best.score and state.best.score > 0:
        return
    weights = None
    if settings.checkpoint == "best":
        weights = {name: tensor.detach().clone() for name, tensor in state.model.state_dict().items()}
    state.best = Best(score, state.epoch, weights)


def _check_finite(state: LoopState) -> None:
    step = int(state.first_bad)
    if step >= 0:
        raise TrainingError(
            f"run {state.run_id}: the loss is not a finite number in epoch {state.epoch + 1} at step {step + 1}. "
            "Lower settings.train.learning_rate, or look for extreme values in the features."
        )
