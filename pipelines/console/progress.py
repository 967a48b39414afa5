"""Tells the console of a job how far long work is, while it goes on. Nothing of it is stored."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Begun:
    """Long work begins.

    Attributes:
        label: Names the work.
        total: Units of it.
        unit: What is counted.
        runs: Names of the training runs in it, by run_id.
    """

    label: str
    total: int
    unit: str
    runs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reached:
    """`done` units of the work are done."""

    label: str
    done: float


@dataclass(frozen=True)
class Ended:
    """Nothing more will come of the work, done or not."""

    label: str


@dataclass(frozen=True)
class FromRun:
    """News that a training run gives: an event of its events.jsonl.

    Attributes:
        run_id: Which run.
        event: `start`, `step`, `epoch`, `finished`, `stopped` or `failed`.
        values: `done` (share of the training), `elapsed_s`, scores and losses.
    """

    run_id: str
    event: str
    values: Mapping[str, Any]


News = Begun | Reached | Ended | FromRun
_watchers: list[Callable[[News], None]] = []
_lock = threading.RLock()


def watch(watcher: Callable[[News], None]) -> None:
    """Let `watcher` hear all news of this process from now on, in the place of an earlier one; one call at a time."""
    with _lock:
        _watchers[:] = [watcher]


def tell(news: News) -> None:
    """Tell the watcher, if there is one."""
    with _lock:
        for watcher in _watchers:
            watcher(news)


@contextmanager
def followed(
    label: str, total: int, unit: str, runs: Mapping[str, str] | None = None
) -> Iterator[Callable[[float], None]]:
    """Tell of work from its beginning to its end; gives what tells how much of it is done."""
    tell(Begun(label, total, unit, runs or {}))
    try:
        yield lambda done: tell(Reached(label, done))
    finally:
        tell(Ended(label))
