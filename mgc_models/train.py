"""`python -m mgc_models.train JOB.json`: train and evaluate the runs of a job, one after the other or side by side.

Light to import: a job is checked before torch is loaded.
"""

import argparse
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mgc_models.artifacts.run_folder import is_finished
from mgc_models.config.run import JobSpec
from mgc_models.errors import (
    STOPPED,
    DataError,
    DeviceError,
    ModelError,
    StoppedError,
    TokenizerError,
    TrainingError,
    WeightsError,
)
from mgc_models.execution.run_log import logging_to_dagster_or_terminal, watch_for_stop
from warehouse.parsing import FileError, read
from warehouse.shards.writer import ShardError
from warehouse.store import Store, StoreError

_DONE, _FAILED, _BAD_JOB = 0, 1, 2
Stop = Callable[[], str | None]  # the reason to stop, if there is one
Attempt = Callable[[int], int]
Prepare = Callable[[Stop], Attempt]
_HELP = """\
Each run is trained on all folds but one, evaluated on that one, and leaves in <store>/runs/<run_id>/:
  result.json          scores, per-genre average precision, learning curve; written last: its presence means finished
  predictions.parquet  track_id, logits of every genre, true genres
  model.safetensors    weights, with the preprocessing of their inputs in the metadata
  tokenizer.json, vocabulary.parquet   what the model reads lyrics with, for mgc_models.predict
  timing.json          device and duration
  events.jsonl         one line per epoch while the run goes on
A finished run is skipped. An interrupted one goes on from resume.pt, to the same weights as if it had not been.

Under `torchrun` (python -m mgc_models.torchrun --standalone --nproc-per-node=N -m mgc_models.train JOB.json) the
processes train each run together: every one computes its part of each batch, and the first writes and reports. The
result is that of one process, to rounding.

exit status: 0 all runs are finished; 1 a run failed; 2 the job cannot be read or asks for something unknown; 75 it was
told to stop (SIGTERM, SIGINT or SIGUSR2) and has saved its state: start it again to go on. The reason is the last line
of the log.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see `--help`.

    Returns:
        The exit status.
    """
    stop = watch_for_stop()
    parser = argparse.ArgumentParser(
        prog="python -m mgc_models.train",
        description="Train and evaluate the runs of a job, one after the other.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("job", type=Path, metavar="JOB.json", help="store, device and runs; written by the pipelines")
    path = parser.parse_args(arguments).job
    with logging_to_dagster_or_terminal() as log:
        try:
            job = read(path, JobSpec)
        except FileError as error:
            log.error("%s", error)  # noqa: TRY400 - one line for the user, no traceback
            return _BAD_JOB
        if not Path(job.store).is_dir():
            log.error("%s: store: expected an existing folder, found %r", path, job.store)
            return _BAD_JOB
        return _execute(job, log, stop)


def _execute(job: JobSpec, log: logging.Logger, stop: Stop) -> int:
    store, runs = Store(Path(job.store)), job.runs
    todo = [number for number, run in enumerate(runs) if not is_finished(store.run(run.run_id))]
    log.info("runs in this job: %d; finished before: %d", len(runs), len(runs) - len(todo))
    if _processes() > 1:
        return _execute_together(functools.partial(_attempts, job, store, log), len(runs), stop)
    if not todo:
        return _DONE
    # Here and not above: torch takes seconds to load, and a bad job should be told at once.
    from mgc_models.training.worker_pool import work_side_by_side  # noqa: PLC0415

    prepare = functools.partial(_attempts, job, store, log)
    if job.workers > 1 and len(todo) > 1:
        import mgc_models.training.run  # noqa: F401, PLC0415 - loaded once, before the processes fork

        left = work_side_by_side(runs, todo, job.workers, functools.partial(_successes, prepare), log, stop)
        if left:
            log.error("runs not finished: %d of %d: %s", len(left), len(todo), ", ".join(sorted(left)))
        return (STOPPED if stop() else _FAILED) if left else _DONE
    return _status(prepare(stop), todo)


def _status(attempt: Attempt, numbers: Iterable[int]) -> int:
    """Attempt one run after the other until one is not finished; gives the exit status."""
    return next((status for number in numbers if (status := attempt(number)) != _DONE), _DONE)


def _successes(prepare: Prepare, stop: Stop) -> Callable[[int], bool]:
    attempt = prepare(stop)
    return lambda number: attempt(number) == _DONE


def _execute_together(prepare: Prepare, count: int, stop: Stop) -> int:
    """All runs, one after the other, each by all processes; what is finished is found out together."""
    from mgc_models.execution.distributed import leave_group  # noqa: PLC0415

    attempt = prepare(stop)
    try:
        return _status(attempt, range(count))
    finally:
        leave_group()


def _processes() -> int:
    """Give the number of processes that `torchrun` started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _attempts(job: JobSpec, store: Store, log: logging.Logger, stop: Stop) -> Attempt:
    """What attempts the run of a number; it tells the log why one fails, and gives the exit status."""
    import torch  # noqa: PLC0415

    from mgc_models.execution.distributed import join_group, own_device  # noqa: PLC0415
    from mgc_models.execution.runtime import choose_device  # noqa: PLC0415
    from mgc_models.training.run import Worker, execute_run  # noqa: PLC0415

    if job.threads:
        torch.set_num_threads(job.threads)
    runs, workers = job.runs, list[Worker]()

    def execute(number: int) -> None:
        if not workers:
            device = choose_device(own_device(job.device))
            workers.append(Worker(store, job, device, log, stop, group=join_group(device)))
        log.info("run %s: %d of %d", runs[number].run_id, number + 1, len(runs))
        execute_run(runs[number], workers[0])

    def attempt(number: int) -> int:
        run_id = runs[number].run_id
        try:
            execute(number)
        except StoppedError as error:
            log.warning("%s; start it again to go on", error)
            return STOPPED
        except TrainingError as error:
            log.error("%s", error)  # noqa: TRY400
        except (
            DataError,
            DeviceError,
            ModelError,
            ShardError,
            StoreError,
            TokenizerError,
            WeightsError,
            OSError,
            torch.OutOfMemoryError,
        ) as error:
            log.error("run %s: %s", run_id, error)  # noqa: TRY400
        except RuntimeError:
            # No error of this project: the traceback is what helps.
            log.exception("run %s: stopped by an unexpected error", run_id)
        else:
            return _DONE
        return _FAILED

    return attempt


if __name__ == "__main__":
    sys.exit(main())
