"""The one training loop: Adam with a stepped learning rate, resumable at every step, for any task."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import MultiStepLR

from mgc_models.checkpoints import fits, read_resume, write_resume
from mgc_models.data import Batch
from mgc_models.errors import StoppedError, TrainingError
from mgc_models.progress import duration
from mgc_models.runtime import Runtime
from mgc_models.spec import TrainSettings


@dataclass(frozen=True)
class Task:
    """What is learnt.

    Attributes:
        samples: Training samples, numbered from 0.
        batch: Makes a batch from sample numbers, int64 [B], and uniform random numbers for their crops, float64 [B];
            both on the device.
        losses: Gives named scalars for a batch; `loss` is what is minimised, all are reported as epoch means.
    """

    samples: int
    batch: Callable[[Tensor, Tensor], Batch]
    losses: Callable[[nn.Module, Batch], Mapping[str, Tensor]]


@dataclass
class LoopState:
    """Everything that a resumed run needs to go on as if it had never stopped.

    Attributes:
        run_id: Which run.
        model: The model, on the device.
        optimiser: Adam.
        scheduler: Steps at the end of each epoch.
        sampler: State of the generator of orders and crops at the start of the present epoch.
        epoch: Epochs finished.
        step: Steps finished in the present epoch.
        names: Names of the summed losses.
        sums: Losses of this epoch times batch size, float64 [len(names)], on the device.
        first_bad: First step of this epoch whose loss was not finite, or -1; on the device.
        history: Mean losses of the finished epochs.
        elapsed_s: Wall time of training, over all sessions.
    """

    run_id: str
    model: nn.Module
    optimiser: torch.optim.Adam
    scheduler: MultiStepLR
    sampler: Tensor
    first_bad: Tensor
    epoch: int = 0
    step: int = 0
    names: list[str] = field(default_factory=list)
    sums: Tensor | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    elapsed_s: float = 0.0


def fit(run_id: str, model: nn.Module, task: Task, settings: TrainSettings, seed: int, runtime: Runtime) -> LoopState:
    """Train a model, from its resume state if there is one.

    Every sample is seen once per epoch, in an order and at crops that follow from `seed` alone; the last, smaller
    batch is used. The resume state is written at the end of each epoch, every `checkpoint_every_s` and on a stop.

    Returns:
        The final state; its resume state is on disk.

    Raises:
        TrainingError: if a loss is not a finite number.
        StoppedError: if `runtime.stop` gave a reason.
    """
    state = _start(run_id, model, settings, seed, runtime)
    _restore(state, runtime)
    step_model: nn.Module = torch.compile(model) if runtime.compile else model  # type: ignore[assignment]
    while state.epoch < settings.epochs:
        _train_epoch(state, step_model, task, settings, runtime)
        if reason := runtime.stop():
            raise StoppedError(f"run {run_id}: stopped after epoch {state.epoch} because {reason}")
    return state


def _start(run_id: str, model: nn.Module, settings: TrainSettings, seed: int, runtime: Runtime) -> LoopState:
    optimiser = torch.optim.Adam(
        model.parameters(),
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
        fused=runtime.device.type == "cuda",
    )
    return LoopState(
        run_id=run_id,
        model=model,
        optimiser=optimiser,
        scheduler=MultiStepLR(optimiser, list(settings.milestones), settings.decay),
        sampler=torch.Generator().manual_seed(seed).get_state(),
        first_bad=torch.full((), -1, device=runtime.device),
    )


def _restore(state: LoopState, runtime: Runtime) -> None:
    saved = read_resume(runtime.resume_path, state.run_id, runtime.log)
    if saved is None:
        return
    if not fits(state.model, saved["model"]):
        runtime.log.warning(
            "run %s: %s holds another model; the run starts from the beginning", state.run_id, runtime.resume_path
        )
        return
    state.model.load_state_dict(saved["model"])
    state.optimiser.load_state_dict(saved["optimiser"])
    state.scheduler.load_state_dict(saved["scheduler"])
    state.sampler = saved["sampler"]
    state.epoch, state.step, state.elapsed_s = saved["epoch"], saved["step"], saved["elapsed_s"]
    state.names, state.history = saved["names"], saved["history"]
    state.sums = None if saved["sums"] is None else saved["sums"].to(runtime.device)
    torch.set_rng_state(saved["rng_cpu"])
    if runtime.device.type == "cuda" and saved["rng_cuda"] is not None:
        torch.cuda.set_rng_state(saved["rng_cuda"], runtime.device)
    runtime.log.info("run %s: resumed after %d epochs and %d steps", state.run_id, state.epoch, state.step)


def _save(state: LoopState, runtime: Runtime) -> None:
    _check_finite(state)
    write_resume(
        runtime.resume_path,
        {
            "run_id": state.run_id,
            "model": state.model.state_dict(),
            "optimiser": state.optimiser.state_dict(),
            "scheduler": state.scheduler.state_dict(),
            "sampler": state.sampler,
            "epoch": state.epoch,
            "step": state.step,
            "names": state.names,
            "sums": state.sums,
            "history": state.history,
            "elapsed_s": state.elapsed_s,
            "rng_cpu": torch.get_rng_state(),
            "rng_cuda": torch.cuda.get_rng_state(runtime.device) if runtime.device.type == "cuda" else None,
        },
    )


def _train_epoch(state: LoopState, model: nn.Module, task: Task, settings: TrainSettings, runtime: Runtime) -> None:
    generator = torch.Generator()
    generator.set_state(state.sampler)
    order = torch.randperm(task.samples, generator=generator).to(runtime.device)
    positions = torch.rand(task.samples, dtype=torch.float64, generator=generator).to(runtime.device)
    steps = _steps(task, settings)
    model.train()
    saved_at = before = time.monotonic()
    while state.step < steps:
        chosen = slice(state.step * settings.batch_size, (state.step + 1) * settings.batch_size)
        _train_step(state, model, task, task.batch(order[chosen], positions[chosen]), runtime)
        now = time.monotonic()
        state.elapsed_s, before = state.elapsed_s + now - before, now
        reason = runtime.stop()
        if state.step < steps and (reason or now - saved_at >= runtime.checkpoint_every_s):
            _save(state, runtime)
            _report(state, task, settings, runtime)
            saved_at = time.monotonic()
        if reason and state.step < steps:
            raise StoppedError(f"run {state.run_id}: stopped in epoch {state.epoch + 1} because {reason}")
    _check_finite(state)
    _finish_epoch(state, task, generator.get_state())
    _save(state, runtime)
    _report(state, task, settings, runtime)


def _train_step(state: LoopState, model: nn.Module, task: Task, batch: Batch, runtime: Runtime) -> None:
    with runtime.autocast():
        losses = task.losses(model, batch)
    state.optimiser.zero_grad(set_to_none=True)
    losses["loss"].backward()
    state.optimiser.step()
    # Summed on the device: asking for a number here would make the accelerator wait at every step.
    values = torch.stack([value.detach().double() for value in losses.values()])
    weighted = values * len(batch.labels)
    state.sums = weighted if state.sums is None else state.sums + weighted
    state.names = list(losses)
    good = torch.isfinite(losses["loss"].detach()) | (state.first_bad >= 0)
    state.first_bad = torch.where(good, state.first_bad, state.step)
    state.step += 1


def _finish_epoch(state: LoopState, task: Task, sampler: Tensor) -> None:
    means = [] if state.sums is None else (state.sums / task.samples).tolist()
    learning_rate = state.optimiser.param_groups[0]["lr"]
    state.history.append({**dict(zip(state.names, means, strict=True)), "learning_rate": learning_rate})
    state.scheduler.step()
    state.epoch, state.step, state.sums, state.sampler = state.epoch + 1, 0, None, sampler


def _check_finite(state: LoopState) -> None:
    step = int(state.first_bad)
    if step >= 0:
        raise TrainingError(
            f"run {state.run_id}: the loss is not a finite number in epoch {state.epoch + 1} at step {step + 1}. "
            "Lower settings.train.learning_rate, or look for extreme values in the features."
        )


def _report(state: LoopState, task: Task, settings: TrainSettings, runtime: Runtime) -> None:
    seen = state.epoch * task.samples + state.step * settings.batch_size
    rate = seen / max(state.elapsed_s, 1e-9)
    left = duration((settings.epochs * task.samples - seen) / rate)
    if state.step:
        progress = f"step {state.step}/{_steps(task, settings)} of epoch {state.epoch + 1}/{settings.epochs}"
        losses = _means_so_far(state, settings)
    else:
        progress, losses = f"epoch {state.epoch}/{settings.epochs}", state.history[-1]
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
    runtime.log.info("run %s: %s: %s; %.0f samples/s, %s left", state.run_id, progress, numbers, rate, left)
    event = "step" if state.step else "epoch"
    runtime.events.write(event, epoch=state.epoch, step=state.step, samples_per_s=round(rate, 3), **losses)


def _means_so_far(state: LoopState, settings: TrainSettings) -> dict[str, float]:
    sums = [] if state.sums is None else state.sums.tolist()
    seen = state.step * settings.batch_size
    return {name: value / seen for name, value in zip(state.names, sums, strict=True)}


def _steps(task: Task, settings: TrainSettings) -> int:
    return -(-task.samples // settings.batch_size)
