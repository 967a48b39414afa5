"""Several processes on the runs of one job: what is too small to fill a machine by itself is trained side by side.

The processes are forked once torch is loaded, so that each starts in milliseconds. A run that starts from a pretraining
waits until that one is finished.
"""

import logging
import multiprocessing
import signal
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from mgc_models.config.run import FinetuneRun, PretrainRun
from mgc_models.execution.run_log import STOPPING, watch_for_stop

Attempt = Callable[[int], bool]
_LOOK_S = 0.5


@dataclass
class _Worker:
    """One process, and the number of the run that it works on."""

    process: BaseProcess
    connection: Connection
    busy: int | None = None


@dataclass
class _Schedule:
    """The runs that are still to do, finished and failed."""

    runs: Sequence[FinetuneRun | PretrainRun]
    waiting: list[int]
    finished: set[str]
    failed: set[str] = field(default_factory=set)

    def next(self) -> int | None:
        """The first run whose pretraining is finished; runs whose pretraining failed are failures themselves."""
        for number in list(self.waiting):
            before = self.runs[number].pretrained
            if before in self.failed:
                self.waiting.remove(number)
                self.failed.add(self.runs[number].run_id)
            elif before is None or before in self.finished:
                self.waiting.remove(number)
                return number
        return None

    def record(self, number: int, *, done: bool) -> None:
        """Remember how a run ended."""
        (self.finished if done else self.failed).add(self.runs[number].run_id)


def work_side_by_side(
    runs: Sequence[FinetuneRun | PretrainRun],
    todo: Sequence[int],
    size: int,
    prepare: Callable[[Callable[[], str | None]], Attempt],
    log: logging.Logger,
    stop: Callable[[], str | None],
) -> Collection[str]:
    """Attempt every run, `size` at a time; a run that fails does not stop the others.

    Args:
        runs: All runs of the job.
        todo: Numbers of those that are to be done, in the order in which they are begun.
        size: Number of processes.
        prepare: Called in each process with its own reason to stop; gives what attempts a run and tells whether it is
            finished.
        log: Progress.
        stop: Reason to stop.

    Returns:
        run_ids of the runs that are not finished.
    """
    ours = {runs[number].run_id for number in todo}
    before = {run.pretrained for run in runs if run.pretrained} - ours  # of another job, or missing: logged there
    schedule = _Schedule(runs, list(todo), {run.run_id for run in runs} - ours | before)
    workers = [_spawn(prepare) for _ in range(min(size, len(todo)))]
    log.info("%d processes train side by side", len(workers))
    try:
        _dispatch(schedule, workers, stop)
    finally:
        for worker in workers:
            worker.connection.close()
            if worker.busy is not None:
                worker.process.terminate()
        for worker in workers:
            worker.process.join()
    interrupted = [worker.busy for worker in workers if worker.busy is not None]
    return schedule.failed | {runs[number].run_id for number in (*schedule.waiting, *interrupted)}


def _spawn(prepare: Callable[[Callable[[], str | None]], Attempt]) -> _Worker:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, ours, prepare))
    # Until the child watches by itself it has its parent's handlers, which would swallow a signal: it waits that long.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    process.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return _Worker(process, ours)


def _serve(
    connection: Connection, other_end: Connection, prepare: Callable[[Callable[[], str | None]], Attempt]
) -> None:
    """Attempt the runs whose numbers come in, until nothing more can come."""
    other_end.close()
    stop = watch_for_stop()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    attempt = prepare(stop)
    try:
        while True:
            number = connection.recv()
            connection.send(attempt(number))
    except (EOFError, BrokenPipeError):
        return


def _dispatch(schedule: _Schedule, workers: list[_Worker], stop: Callable[[], str | None]) -> None:
    """Hand out runs until none is left, or until every process is gone."""
    while True:
        for worker in workers:
            if worker.busy is None and stop() is None and (number := schedule.next()) is not None:
                worker.connection.send(number)
                worker.busy = number
        working = [worker for worker in workers if worker.busy is not None]
        if not working:
            return
        for connection in wait([worker.connection for worker in working], timeout=_LOOK_S):
            worker = next(worker for worker in working if worker.connection is connection)
            _receive(schedule, worker, workers)
        if stop() is not None:
            return


def _receive(schedule: _Schedule, worker: _Worker, workers: list[_Worker]) -> None:
    number, worker.busy = worker.busy, None
    if number is None:
        return
    try:
        schedule.record(number, done=worker.connection.recv())
    except EOFError:  # the process was killed
        schedule.record(number, done=False)
        workers.remove(worker)
        worker.process.join()
