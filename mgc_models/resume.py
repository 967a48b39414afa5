"""The resume state of a run: taken in a moment, written by a thread while training goes on, and put back."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from mgc_models.checkpoints import fits, read_resume, write_resume
from mgc_models.runtime import Runtime
from mgc_models.state import Best, LoopState


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
