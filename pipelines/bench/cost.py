"""What a step costs: measured in a fresh process, so that its peak memory and core-seconds are its own."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeVar

KIB = 1024
T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """What one step took; core-seconds say more than seconds on a machine that others use."""

    duration_s: float
    core_s: float
    peak_bytes: int


def alone(step: Callable[..., T], *arguments: object) -> tuple[T, Cost]:
    """Call a function of a module in a process of its own; returns its result and what it cost."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, step, arguments).result()


def _timed(step: Callable[..., T], arguments: tuple[object, ...]) -> tuple[T, Cost]:
    started = time.perf_counter()
    result = step(*arguments)
    duration_s, core_s = time.perf_counter() - started, time.process_time()
    return result, Cost(duration_s, core_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB)
