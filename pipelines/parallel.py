"""Work on all cores; a watcher is told how far it is, and the log gets a line every 15 s."""

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import TypeVar

from pipelines.console.progress import followed

LOG_EVERY_S = 15.0

Log = Callable[[str], None]
Task = TypeVar("Task")
Result = TypeVar("Result")
_logger = logging.getLogger(__name__)


class WorkerError(RuntimeError):
    """A worker process died; the message says what to do."""


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    label: str,
    unit: str = "tracks",
    size: Callable[[Task], int] = lambda _: 1,
    log: Log = _logger.info,
    workers: int | None = None,
) -> Iterator[tuple[Task, Result]]:
    """Apply `function`, a module-level function, to every task; results come as they are finished.

    One task runs in this process, several in spawned worker processes, which end when this process is gone; tasks with
    a given number of `workers` always run in those.

    Args:
        function: What to do.
        tasks: What to do it to; picklable.
        label: Names the work in the progress and the log.
        unit: What is counted.
        size: How many units a task holds.
        log: Gets a line every 15 s.
        workers: Worker processes; None: one per core.

    Raises:
        WorkerError: if a worker process died, for example because memory ran out.
    """
    done, total = 0, sum(map(size, tasks))
    with followed(label, total, unit) as reached:
        started = logged = time.monotonic()
        for task, result in _results(function, tasks, label, workers):
            yield task, result
            done += size(task)
            reached(done)
            now = time.monotonic()
            if now - logged > LOG_EVERY_S:
                logged = now
                log(f"{label}: {done:,} of {total:,} {unit}, {done / (now - started):.1f} a second")


def _results(
    function: Callable[[Task], Result], tasks: Sequence[Task], label: str, given: int | None
) -> Iterator[tuple[Task, Result]]:
    workers = given or min(available_cores(), len(tasks))
    if workers < 2 and not given:
        yield from ((task, function(task)) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")  # forked workers would inherit the threads of polars and torch
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        futures = {pool.submit(function, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        except BrokenProcessPool as error:
            raise WorkerError(
                f"{label}: a worker process died, most often because memory ran out. Finished parts are kept: "
                "run the same command again, with fewer cores (`taskset -c 0-3 …`) if it happens again."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Start a thread that ends this worker when its parent is gone: a pool's worker would wait for ever otherwise."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
