"""`python -m mgc_models.torchrun ...`: torchrun, whose exit status is that of the process that failed.

torchrun itself ends with 1 whatever happened. Whoever started it must tell a process that was killed, most often
because memory ran out, and one that was told to stop, from one that failed.
"""

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from types import FrameType

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from mgc_models.errors import KILLED, STOPPED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run torchrun with its own arguments.

    Returns:
        0 when all processes have succeeded; 128 plus the signal if one was killed; 75 if this process was told to stop,
        and handed it on to them; else the status of the first that failed.
    """
    signal.signal(signal.SIGUSR2, _stop)
    try:
        run.main(arguments)
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        return exit_status(first.exitcode, (failure.exitcode for failure in error.failures.values()))
    except SignalException:
        return STOPPED
    return 0


def exit_status(first: int, all_of_them: Iterable[int]) -> int:
    """What the statuses of the processes come to; the others are ended with SIGTERM when one has failed."""
    killed = [-code for code in all_of_them if code < 0 and -code != signal.SIGTERM]
    if killed:
        return KILLED + killed[0]
    return KILLED - first if first < 0 else first


def _stop(_number: int, _frame: FrameType | None) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
