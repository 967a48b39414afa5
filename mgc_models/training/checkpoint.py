"""The resume state of a run: taken in a moment, written by a thread while training goes on, and put back."""

import logging
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mgc_models.artifacts.weights import fits
from mgc_models.execution.runtime import Runtime
from mgc_models.training.optim import Schedule
from warehouse.store import replacing


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
        last_logged_s: `elapsed_s` at the last progress line; no part of what is saved.
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
    last_logged_s: float = 0.0


RESUME_FORMAT = 2

# What zipfile, the unpickler and torch raise for one damage or another.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def write_resume(path: Path, state: Mapping[str, Any]) -> None:
    """Write a resume state in place of the last one, in one step."""
    with replacing(path) as temporary:
        torch.save({"format": RESUME_FORMAT, **state}, temporary)


def read_resume(path: Path, run_id: str, log: logging.Logger) -> dict[str, Any] | None:
    """Read a resume state.

    Returns:
        The state, or None if there is none or it cannot be used; the log then says that the run starts anew.
    """
    if not path.exists():
        return None
    try:
        state = _read_checked(path)
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        log.warning("run %s: %s cannot be read (%s); the run starts from the beginning", run_id, path, reason)
        return None
    found = (state.get("format"), state.get("run_id")) if isinstance(state, dict) else None
    if found != (RESUME_FORMAT, run_id):
        log.warning(
            "run %s: %s: expected format and run %s, found %s; the run starts from the beginning",
            run_id,
            path,
            (RESUME_FORMAT, run_id),
            found,
        )
        return None
    return state


def _read_checked(path: Path) -> Any:
    # torch writes a zip archive with checksums and does not look at them when it reads one.
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
    return torch.load(path, map_location="cpu", weights_only=True)


@dataclass
class StateWriter:
    """Writes one state at a time behind the training's back; the next waits for the last."""

    runtime: Runtime
    pool: ThreadPoolExecutor
    last: Future[None] | None = field(default=None)

    def write(self, state: Mapping[str, Any]) -> None:
        """Write a state that nothing will change any more.

        Raises:
            OSError: if the last one could not be written.
        """
        self.wait()
        ready = None
        if self.runtime.device.type == "cuda":
            ready = torch.cuda.Event()
            ready.record()
        self.last = self.pool.submit(_write, self.runtime, state, ready)

    def wait(self) -> None:
        """Wait until what was given is on disk.

        Raises:
            OSError: if it could not be written.
        """
        if self.last is not None:
            self.last.result()
            self.last = None


@contextmanager
def state_writer(runtime: Runtime) -> Iterator[StateWriter]:
    """A writer; on leaving, what it was given is on disk."""
    with ThreadPoolExecutor(1, "resume-state") as pool:
        writer = StateWriter(runtime, pool)
        yield writer
        writer.wait()


def _write(runtime: Runtime, state: Mapping[str, Any], ready: Any) -> None:
    if ready is None:
        write_resume(runtime.resume_path, state)
        return
    # On a stream of its own the copy to the host runs beside the training's kernels.
    stream = torch.cuda.Stream(runtime.device)
    with torch.cuda.device(runtime.device), torch.cuda.stream(stream):
        stream.wait_event(ready)
        on_host = _map_tensors(state, lambda tensor: tensor.cpu())
    write_resume(runtime.resume_path, on_host)


def _map_tensors(value: Any, change: Any) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _map_tensors(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map_tensors(item, change) for item in value)
    return value


def save(state: LoopState, runtime: Runtime, writer: StateWriter) -> None:
    """Take the state and let it be written; every process takes part, the first writes."""
    random = _random_states(runtime)
    if not runtime.group.first:
        return
    content = {
        "run_id": state.run_id,
        "model": state.model.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "schedule": state.schedule.state_dict(),
        "sampler": state.sampler,
        "epoch": state.epoch,
        "step": state.step,
        "names": state.names,
        "sums": state.sums,
        "history": state.history,
        "best": None if state.best is None else asdict(state.best),
        "elapsed_s": state.elapsed_s,
        "random": random,
    }
    writer.write(_map_tensors(content, lambda tensor: tensor.detach().clone()))


def _random_states(runtime: Runtime) -> list[dict[str, Tensor | None]]:
    on_cuda = runtime.device.type == "cuda"
    cpu = runtime.group.gather(torch.get_rng_state())
    cuda = runtime.group.gather(torch.cuda.get_rng_state(runtime.device)) if on_cuda else [None] * len(cpu)
    return [{"cpu": one, "cuda": other} for one, other in zip(cpu, cuda, strict=True)]


def restore(state: LoopState, runtime: Runtime) -> None:
    """Go on where the resume state of this run says, if there is one that fits; else leave everything as it is.

    With another number of processes than before, the random states of dropout begin anew; all else is as it was.
    """
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
    state.schedule.load_state_dict(saved["schedule"])
    state.sampler = saved["sampler"]
    state.epoch, state.step, state.elapsed_s = saved["epoch"], saved["step"], saved["elapsed_s"]
    state.names, state.history = saved["names"], saved["history"]
    state.sums = None if saved["sums"] is None else saved["sums"].to(runtime.device)
    state.best = None if saved["best"] is None else Best(**saved["best"])
    _restore_random(saved["random"], runtime)
    runtime.log.info("run %s: resumed after %d epochs and %d steps", state.run_id, state.epoch, state.step)


def _restore_random(saved: list[dict[str, Tensor | None]], runtime: Runtime) -> None:
    if len(saved) != runtime.group.size:
        return
    own = saved[runtime.group.rank]
    if own["cpu"] is not None:
        torch.set_rng_state(own["cpu"])
    if runtime.device.type == "cuda" and own["cuda"] is not None:
        torch.cuda.set_rng_state(own["cuda"], runtime.device)
