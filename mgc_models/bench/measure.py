"""Times the training loop as it is, step after step, and says how much of the time was spent on what."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.utils.flop_counter import FlopCounterMode

from mgc_models.bench.cases import Case, without_data
from mgc_models.errors import StoppedError
from mgc_models.execution.distributed import BatchShard
from mgc_models.execution.run_log import EventLog
from mgc_models.execution.runtime import Runtime
from mgc_models.training.loop import fit
from mgc_models.training.objectives import StepRandom
from mgc_models.training.step import StepContext, training_step

LOG = logging.getLogger("mgc_models.bench")
_ENOUGH = "enough was seen"
_BIG_S = math.inf
# Dense bf16 multiplications a second by the makers' data sheets, to compare model operations with.
_PEAK_TFLOPS: Mapping[str, float] = {"H200": 989.0, "H100": 989.0, "A100": 312.0}


@dataclass(frozen=True)
class Measured:
    """Measurements of one stage.

    Attributes:
        samples_per_s: Tracks trained on a second.
        step_ms: Time of a step.
        data_share: Share of that time that goes when no data have to be made.
        tflop_per_step: Operations of the model's multiplications and attention, forward and backward.
        utilisation: Their rate over the device's peak; None where the peak is not known.
        peak_gib: Most device memory in use; None on a processor.
    """

    samples_per_s: float
    step_ms: float
    data_share: float
    tflop_per_step: float
    utilisation: float | None
    peak_gib: float | None


@dataclass
class StepClock:
    """Stands where the loop asks whether to stop, and so sees every step go by.

    Attributes:
        device: Waited for at the first and last of the timed steps, and at no other.
        warmup: Steps before the first timed one.
        steps: Timed steps.
    """

    device: torch.device
    warmup: int
    steps: int
    seen: int = 0
    times: list[float] = field(default_factory=list)

    def __call__(self) -> str | None:
        """Count a step; gives a reason to stop after the last."""
        self.seen += 1
        if self.seen in (self.warmup, self.warmup + self.steps):
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            self.times.append(time.perf_counter())
        return _ENOUGH if self.seen >= self.warmup + self.steps else None

    @property
    def step_s(self) -> float:
        """Mean time of a timed step."""
        return (self.times[1] - self.times[0]) / self.steps


def measure(case: Case, device: torch.device, *, warmup: int, steps: int, compiled: bool) -> Measured:
    """Time a case with and without making data.

    Raises:
        TrainingError: if the loss is not a finite number.
    """
    flop = operations(case, device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    full_s = _time(case, device, warmup, steps, compiled)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    bare_s = _time(replace(case, task=without_data(case.task)), device, warmup, steps, compiled)
    top = peak_flops(device)
    return Measured(
        samples_per_s=case.train.batch_size / full_s,
        step_ms=full_s * 1e3,
        data_share=max(0.0, 1 - bare_s / full_s),
        tflop_per_step=flop / 1e12,
        utilisation=flop / full_s / top if top else None,
        peak_gib=peak,
    )


def peak_flops(device: torch.device) -> float | None:
    """Dense bf16 operations a second of a known device; None for others."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((tflops * 1e12 for key, tflops in _PEAK_TFLOPS.items() if key in name), None)


def operations(case: Case, device: torch.device) -> int:
    """Floating-point operations of one step's multiplications and attention, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        first_step(case, device)
    case.model.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def first_step(case: Case, device: torch.device, precision: str = "auto") -> None:
    """Fill the model's gradients with those of one batch, always the same."""
    size = case.train.batch_size
    with bench_runtime(device, lambda: None, compiled=False, precision=precision) as runtime:
        context = StepContext(case.model.train(), case.task.entry(case.model), case.task, 1, runtime)
        order = torch.arange(size)
        batch = next(iter(case.task.batches(order, torch.zeros(size, dtype=torch.float64), [slice(0, size)])))
        draws = StepRandom(torch.Generator(device).manual_seed(0), size, slice(0, size))
        training_step(context, case.task.randomise(batch, draws), BatchShard(0, size), size)


def _time(case: Case, device: torch.device, warmup: int, steps: int, compiled: bool) -> float:
    clock = StepClock(device, warmup, steps)
    epochs = -(-(warmup + steps + 1) * case.train.batch_size // case.task.samples)
    with bench_runtime(device, clock, compiled=compiled) as runtime:
        try:
            fit("bench", case.model, case.task, replace(case.train, epochs=epochs), 0, runtime)
        except StoppedError as stopped:
            LOG.debug("%s", stopped)
    return clock.step_s


def history(case: Case, device: torch.device, epochs: int, precision: str = "auto") -> list[dict[str, float]]:
    """Train a case; gives the mean losses of every epoch.

    Raises:
        TrainingError: if a loss is not a finite number.
    """
    with bench_runtime(device, lambda: None, compiled=False, precision=precision) as runtime:
        return fit("bench", case.model, case.task, replace(case.train, epochs=epochs), 0, runtime).history


@contextmanager
def bench_runtime(
    device: torch.device, stop: Callable[[], str | None], *, compiled: bool, precision: str = "auto"
) -> Iterator[Runtime]:
    """A runtime with a folder of its own for the time, and no resume state before the end of an epoch."""
    with TemporaryDirectory(prefix="mgc-bench-") as name:
        folder = Path(name)
        yield Runtime(
            device=device,
            log=LOG,
            events=EventLog(folder / "events.jsonl"),
            resume_path=folder / "resume.pt",
            checkpoint_every_s=_BIG_S,
            compile=compiled,
            stop=stop,
            precision=precision,
        )
