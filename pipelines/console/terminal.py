"""Lines, and below them how far the present work is: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from mgc_models.execution.run_log import duration

BETWEEN_LINES_S = 10.0


@dataclass
class Work:
    """Work that goes on.

    Attributes:
        task: Its bar.
        total: Units of it.
        unit: What is counted.
        since: When it was first told how much is done (s), and how much that was; resumed work does not begin at 0.
    """

    task: TaskID
    total: int
    unit: str
    since: tuple[float, float] | None = None

    def shown(self, done: float, now_s: float) -> str:
        """`92 of 178 files, 12 s left`; without the time where there is nothing yet to tell it from."""
        counted = f"{int(done):,} of {self.total:,} {self.unit}"
        if self.since is None or done <= self.since[1]:
            return counted
        rate = (done - self.since[1]) / max(now_s - self.since[0], 1e-9)
        return f"{counted}, {duration((self.total - done) / rate)} left"


class Screen:
    """Shows lines and progress.

    Args:
        console: Where.
        draws: Whether progress may be drawn, if the console is a terminal.
        now: Gives seconds.
    """

    def __init__(self, console: Console, *, draws: bool = True, now: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._draws = draws and console.is_terminal
        self._now = now
        self._told_s = now()
        self._works: dict[str, Work] = {}
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[shown]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def line(self, text: str, style: str = "") -> None:
        """Print a line above the progress."""
        self.console.print(Text(text, style))

    def begin(self, label: str, total: int, unit: str) -> None:
        """Show the progress of `total` units of work from now on."""
        if not self._works:
            self._told_s = self._now()
            if self._draws:
                self._bars.start()
        self._works[label] = Work(self._bars.add_task(label, total=total, shown=""), total, unit)

    def reach(self, label: str, done: float) -> None:
        """Show that `done` units are done."""
        work, now_s = self._works.get(label), self._now()
        if work is None:
            return
        work.since = work.since or (now_s, done)
        shown = work.shown(done, now_s)
        self._bars.update(work.task, completed=done, shown=shown)
        if not self._draws and now_s - self._told_s >= BETWEEN_LINES_S:
            self._told_s = now_s
            self.line(f"  {label}: {shown}")

    def end(self, label: str) -> None:
        """Take the progress of this work away."""
        if label in self._works:
            self._bars.remove_task(self._works.pop(label).task)
        if not self._works and self._draws:
            self._bars.stop()

    def close(self) -> None:
        """Take all progress away, and give the terminal back as it was."""
        for label in list(self._works):
            self.end(label)
