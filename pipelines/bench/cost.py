"""Measures a step in a fresh process, so that its peak memory and core-seconds are its own."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeVar

from pipelines.parallel import available_cores

KIB = 1024
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """Time and memory of one step; core-seconds say more than seconds on a machine that others use.

    Attributes:
        duration_s: Seconds on the clock.
        core_s: Seconds that cores worked, worker processes included.
        peak_bytes: Most memory of the process, and of its largest worker once for each core.
    """

    duration_s: float
    core_s: float
    peak_bytes: int

    def __add__(self, other: "Cost") -> "Cost":
        """One step after the other."""
        return Cost(
            self.duration_s + other.duration_s, self.core_s + other.core_s, max(self.peak_bytes, other.peak_bytes)
        )


def alone(step: Callable[..., T], *arguments: object) -> tuple[T, Cost]:
    """Call a function of a module in a process of its own; returns its result and what it cost."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, step, arguments).result()


def _timed(step: Callable[..., T], arguments: tuple[object, ...]) -> tuple[T, Cost]:
    started, worked = time.perf_counter(), _worked_s()
    result = step(*arguments)
    duration_s, core_s = time.perf_counter() - started, _worked_s() - worked
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    peak = own.ru_maxrss + (available_cores() * workers.ru_maxrss if workers.ru_utime else 0)
    return result, Cost(duration_s, core_s, peak * KIB)


def _worked_s() -> float:
    """Core-seconds of this process since it started, and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
