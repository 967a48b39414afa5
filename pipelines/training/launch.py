"""Starts training in a child process and follows it from a Dagster step; loads no tensor library itself."""

import json
import os
import re
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterPipesExecutionError
from dagster._core.pipes.context import PipesMessageHandler
from dagster_pipes import PipesDefaultMessageWriter, PipesMessage, PipesParams

from mgc_models.config.run import VALIDATED, FinetuneRun, JobSpec, Run
from mgc_models.errors import KILLED, STOPPED
from pipelines.config import SettingsError
from pipelines.console.progress import FromRun, followed, tell
from pipelines.devices import leased
from pipelines.experiments.schema import PRETRAIN
from pipelines.parallel import available_cores
from pipelines.training.planned import is_finished
from warehouse.parsing import plain
from warehouse.store import Store, replacing

WORKER = "mgc_models.train"
# Waiting OpenMP threads would otherwise spin, and starve whatever else runs on the machine: training beside five other
# processes on two cores was measured 25 times as slow.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}
# Steps of the tiny models are too small to share: on two quiet cores one thread trained them 1.7 times as fast as two.
# It also gives the same bits on machines with any number of cores. The cores are filled by runs side by side.
TINY_PROFILES = ("sample", "smoke")
SMALL_RUNS = "small_runs"  # the job of all tiny runs together
MOST_WORKERS = 8  # each holds the features of its run in memory
RENDEZVOUS_PORT = 29400  # torchrun's own choice
EXIT_CODE = re.compile(r"code (-?\d+)")


def are_tiny(runs: Sequence[Run]) -> bool:
    """Whether the models are so small that a run does not fill a core."""
    return all(run.profile in TINY_PROFILES for run in runs)


def write_job(store: Store, name: str, runs: Sequence[Run]) -> Path:
    """Write the job file that the worker reads; returns its path."""
    job = JobSpec(str(store.root), "auto", tuple(runs))
    if are_tiny(runs):
        job = replace(job, threads=1, workers=min(available_cores(), MOST_WORKERS))
    return job_file(store, name, job)


def job_file(store: Store, name: str, job: Any) -> Path:
    """Write a job as JSON; returns its path."""
    path = store.root / "jobs" / f"{name}.json"
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(plain(job), indent=1))
    return path


def run_names(runs: Sequence[Run]) -> dict[str, str]:
    """What a reader calls each run, by run_id: `jiang2024 · bert · fold 3 of 5`."""
    together = Counter((run.stage, run.setting_id) for run in runs)
    numbers: Counter[tuple[str, str]] = Counter()
    names = {}
    for run in runs:
        group = run.stage, run.setting_id
        numbers[group] += 1
        parts = [run.work, run.setting_id.removeprefix(f"{run.work}_")]
        parts += ["pretraining"] if run.stage == PRETRAIN else []
        if together[group] > 1:
            what = "seed" if isinstance(run, FinetuneRun) and run.data.split == VALIDATED else "fold"
            parts.append(f"{what} {numbers[group]} of {together[group]}")
        names[run.run_id] = " · ".join(parts)
    return names


def worker_command(module: str, job: Path, processes: int, nodes: int = 1) -> list[str]:
    """The command that starts a worker: by itself, or once per accelerator through torchrun, on one host or several.

    On several hosts each starts this same command; in a job of Slurm `srun` does that.
    """
    if processes == nodes == 1:
        return [sys.executable, "-m", module, str(job)]
    torchrun = [sys.executable, "-m", "mgc_models.torchrun", f"--nproc-per-node={processes}"]
    if nodes == 1:
        return [*torchrun, "--standalone", "-m", module, str(job)]
    meeting = ["--rdzv-backend=c10d", f"--rdzv-endpoint={rendezvous()}", f"--rdzv-id={job.stem}"]
    command = [*torchrun, f"--nnodes={nodes}", *meeting, "-m", module, str(job)]
    srun = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    return [*srun, *command] if in_slurm() else command


def rendezvous() -> str:
    """Host and port where the processes of several hosts meet: of this one, unless `MGC_RENDEZVOUS` names another."""
    return os.environ.get("MGC_RENDEZVOUS") or f"{socket.getfqdn()}:{RENDEZVOUS_PORT}"


def in_slurm() -> bool:
    """Whether this process belongs to a job of Slurm, whose hosts `srun` reaches."""
    return "SLURM_JOB_ID" in os.environ


def launch(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    store: Store,
    name: str,
    runs: Sequence[Run],
    processes: int = 1,
    nodes: int = 1,
) -> int:
    """Train what is not yet finished of `runs` in one child process, its progress going to Dagster's log as it comes.

    Args:
        context: Of the step.
        pipes: Starts the child.
        store: Where runs lie.
        name: Of the job file.
        runs: Pretrainings before what starts from them.
        processes: Accelerators of each host that share every batch; runs of tiny models take one.
        nodes: Hosts that do; runs of tiny models take this one.

    Returns:
        Number of runs trained by this call; 0 when all were finished before.

    Raises:
        dagster.RetryRequested: once, when the worker was killed by a signal; it resumes where it stopped.
        dagster.Failure: when the worker stopped with an error, which it has logged.
    """
    pending = [run for run in runs if not is_finished(store, run.run_id)]
    if pending:
        job = write_job(store, name, pending)
        shared, hosts = (1, 1) if are_tiny(pending) else (processes, nodes)
        command = worker_command(WORKER, job, shared, hosts)
        if hosts > 1 and not in_slurm():
            context.log.warning(
                "%s waits for %d other hosts. Start on each, in this checkout: %s", name, hosts - 1, " ".join(command)
            )
        label = "Training" if name == SMALL_RUNS else f"Training {name}"
        with followed(label, len(pending), "runs", run_names(runs)):
            start(context, pipes, command, f"Training {name}", shared)
    return len(pending)


def start(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    command: Sequence[str],
    what: str,
    devices: int = 1,
) -> None:
    """Run a worker to its end, on accelerators that it has for itself.

    Raises:
        dagster.RetryRequested: once, when it was killed by a signal.
        dagster.Failure: when it stopped with an error, or this host has fewer devices.
    """
    environment = ENVIRONMENT | os.environ
    try:
        with leased(devices, environment, context.log.info) as own:
            pipes.run(context=context.op_execution_context, command=list(command), env=environment | own)
    except SettingsError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    except DagsterPipesExecutionError as error:
        raise _as_failure(error, command, what) from error


def _as_failure(error: Exception, command: Sequence[str], what: str) -> Exception:
    found = EXIT_CODE.search(str(error))
    code = int(found.group(1)) if found else 1
    if code == STOPPED:
        message = f"{what} was told to stop and has saved its state. Start the job again to go on."
        return dg.Failure(description=message, allow_retries=False)
    if code < 0 or code > KILLED:
        return dg.RetryRequested(max_retries=1, seconds_to_wait=1)
    alone = " ".join(["python", *command[1:]])
    return dg.Failure(
        description=f"{what} stopped with exit code {code}; the reason is in the log lines above. "
        f"To see it alone: {alone}",
        allow_retries=False,
    )


_LOOK_S = 0.02


class WholeLineReader(dg.PipesMessageReader):
    """Follows the file that a child appends its messages to.

    It lies in the store and not in a temporary folder of this host: the child may run on another.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def read_messages(self, handler: PipesMessageHandler) -> Iterator[PipesParams]:
        """Hand on messages while the block runs, and what is left at its end."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="messages-", dir=self.folder) as folder:
            path = Path(folder) / "messages"
            path.touch()
            ended = threading.Event()
            thread = threading.Thread(target=_follow, args=(path, handler, ended), daemon=True)
            thread.start()
            try:
                yield {PipesDefaultMessageWriter.FILE_PATH_KEY: os.fspath(path)}
            finally:
                ended.set()
                thread.join()

    def no_messages_debug_text(self) -> str:
        """What to say when a child never said anything."""
        return "No message came from the child process; it may have stopped before its first line."


def _follow(path: Path, handler: PipesMessageHandler, ended: threading.Event) -> None:
    try:
        with path.open("rb") as file:
            for line in whole_lines(file.read, ended):
                _hand_on(json.loads(line), handler)
    except Exception:
        handler.report_pipes_framework_exception("reading the messages of a child process", sys.exc_info())
        raise


def _hand_on(message: PipesMessage, handler: PipesMessageHandler) -> None:
    """Give what a training run says of itself to who watches, now; Dagster would keep it until the child has ended."""
    if message.get("method") == "report_custom_message":
        values = dict((message["params"] or {})["payload"])
        tell(FromRun(values.pop("run_id"), values.pop("event"), values))
    else:
        handler.handle_message(message)


def whole_lines(read: Callable[[], bytes], ended: threading.Event) -> Iterator[bytes]:
    """Lines as they become whole.

    Args:
        read: Gives what was appended since it was called last.
        ended: Set when nothing more will be appended.
    """
    rest = b""
    while True:
        last = ended.is_set()
        *lines, rest = (rest + read()).split(b"\n")
        yield from lines
        if last:
            return
        if not lines:
            ended.wait(_LOOK_S)
