"""Progress of a run while it goes on: lines of the log, and events.jsonl."""

from mgc_models.config.sections import TrainSettings
from mgc_models.execution.run_log import duration
from mgc_models.execution.runtime import Runtime
from mgc_models.training.checkpoint import LoopState

# Each line becomes a stored event in Dagster, which costs more than an epoch of a tiny model.
_BETWEEN_LINES_S = 2.0


def report(state: LoopState, samples: int, settings: TrainSettings, runtime: Runtime) -> None:
    """Say how far training is, how fast, and how long it will take; only the first process does.

    Args:
        state: Where the run stands.
        samples: Of an epoch.
        settings: Epochs and batch size.
        runtime: Takes the line and the event.
    """
    if not runtime.group.first:
        return
    seen = state.epoch * samples + state.step * settings.batch_size
    rate = seen / max(state.elapsed_s, 1e-9)
    whole = settings.epochs * samples
    left = duration((whole - seen) / rate)
    if state.step:
        steps = -(-samples // settings.batch_size)
        progress = f"step {state.step}/{steps} of epoch {state.epoch + 1}/{settings.epochs}"
        losses = _means_so_far(state, settings)
    else:
        progress, losses = f"epoch {state.epoch}/{settings.epochs}", state.history[-1]
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
    if state.elapsed_s - state.last_logged_s >= _BETWEEN_LINES_S or state.epoch == settings.epochs:
        runtime.log.info("run %s: %s: %s; %.0f samples/s, %s left", state.run_id, progress, numbers, rate, left)
        state.last_logged_s = state.elapsed_s
    runtime.scalars(seen, {**losses, "samples_per_s": rate})
    event = "step" if state.step else "epoch"
    where = {"epoch": state.epoch, "step": state.step, "done": seen / whole}
    runtime.events.write(event, **where, samples_per_s=round(rate, 3), **losses)


def _means_so_far(state: LoopState, settings: TrainSettings) -> dict[str, float]:
    sums = [] if state.sums is None else state.sums.tolist()
    seen = state.step * settings.batch_size
    return {name: value / seen for name, value in zip(state.names, sums, strict=True)}
