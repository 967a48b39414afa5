"""The log, events and scalars by which a run is followed from outside, and how it learns that it should stop."""

import importlib.util
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from logging import Logger
from pathlib import Path
from types import FrameType
from typing import Any

LOG = logging.getLogger("mgc_models.train")
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)
LOSS_BALANCE = "loss_balance"
"""The event that tells how much each term of a loss moves the weights (`training.balance`)."""


@dataclass(frozen=True)
class EventLog:
    """`events.jsonl` in the folder of a run: one JSON object per line, appended while the run goes on.

    Dagster is told the same, if it started this process. Differs between equal runs.
    """

    path: Path
    writes: bool = True

    def write(self, event: str, **values: float | str) -> None:
        """Append one event with the present time, if this process is the one that writes."""
        if not self.writes:
            return
        record = {"time": datetime.now(UTC).isoformat(), "event": event, **values}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        tell_dagster({"run_id": self.path.parent.name, **record})

    def records(self, event: str) -> list[dict[str, Any]]:
        """Read every event of a kind, oldest first; a line that a kill cut short is skipped."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if record.get("event") == event:
                found.append(record)
        return found


def tell_dagster(message: Mapping[str, Any]) -> None:
    """Hand data to the step of Dagster that started this process, if one did; unlike the log, it is stored nowhere."""
    pipes = sys.modules.get("dagster_pipes")  # loaded only by a process that Dagster started
    if pipes is not None and pipes.PipesContext.is_initialized():
        pipes.PipesContext.get().report_custom_message(message)


@contextmanager
def logging_to_dagster_or_terminal() -> Iterator[logging.Logger]:
    """Give a log whose lines are seen in Dagster when it started this process, else on the terminal."""
    rank = int(os.environ.get("RANK", "0"))
    if "DAGSTER_PIPES_CONTEXT" in os.environ and rank == 0:
        from dagster_pipes import open_dagster_pipes  # noqa: PLC0415 - absent on a bare GPU machine

        with open_dagster_pipes() as context:
            yield context.log
        return
    handler = logging.StreamHandler(sys.stderr)
    process = f"process {rank}: " if rank else ""
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {process}%(message)s", "%H:%M:%S"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.ERROR if rank else logging.INFO)  # the first process tells what is the same for all
    try:
        yield LOG
    finally:
        LOG.removeHandler(handler)


def watch_for_stop() -> Callable[[], str | None]:
    """Begin to watch for SIGTERM, SIGINT, SIGUSR2 (Slurm's) and the end of the process that started this one.

    A worker whose parent was killed must not go on beside the one that the next start brings.

    Returns:
        A function that gives the reason to stop, or None. It costs one system call, so it can be asked at every step.
    """
    parent = os.getppid()
    received: list[str] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)

    for number in STOPPING:
        signal.signal(number, remember)

    def reason() -> str | None:
        if received:
            return f"{received[0]} was received"
        return None if os.getppid() == parent else f"the process that started it ({parent}) is gone"

    return reason


def duration(seconds: float) -> str:
    """Seconds as a reader wants them: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


Scalars = Callable[[int, Mapping[str, float]], None]


def scalar_writer(folder: Path, log: Logger) -> Scalars:
    """Give what takes the scalars of a run, (samples seen so far, value by name), into event files in its folder.

    Without the package nothing is written, and the log says so once per process.
    """
    if not _is_installed():
        _say_once(log)
        return lambda _step, _values: None
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - imports tensorboard

    writer = SummaryWriter(str(folder))

    def write(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return write


def _is_installed() -> bool:
    return importlib.util.find_spec("tensorboard") is not None


_said: list[bool] = []


def _say_once(log: Logger) -> None:
    if not _said:
        log.info("no TensorBoard files: the package tensorboard is not installed (pip install -e '.[tensorboard]')")
        _said.append(True)
