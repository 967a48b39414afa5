"""Lines, and below them how far the present work is: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from mgc_models.progress import duration

BETWEEN_LINES_S = 10.0


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
        self._tasks: dict[str, TaskID] = {}
        # Where it is not drawn it is never started, and only computes the time left.
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[shown]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            get_time=now,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            speed_estimate_period=600,
        )

    def line(self, text: str, style: str = "") -> None:
        """Print a line above the progress."""
        self.console.print(Text(text, style))

    def begin(self, label: str, total: int, unit: str) -> None:
        """Show the progress of `total` units of work from now on."""
        if not self._tasks:
            self._told_s = self._now()
            if self._draws:
                self._progress.start()
        self._tasks[label] = self._progress.add_task(label, total=total, unit=unit, shown=f"0 of {total:,} {unit}")

    def reach(self, label: str, done: float) -> None:
        """Show that `done` units are done."""
        if label not in self._tasks:
            return
        task = self._task(label)
        shown = f"{int(done):,} of {int(task.total or 0):,} {task.fields['unit']}"
        self._progress.update(task.id, completed=done, shown=shown)
        if not self._draws and self._now() - self._told_s >= BETWEEN_LINES_S:
            self._told_s = self._now()
            left = "" if task.time_remaining is None else f", {duration(task.time_remaining)} left"
            self.line(f"  {label}: {shown}{left}")

    def end(self, label: str) -> None:
        """Take the progress of this work away."""
        if label in self._tasks:
            self._progress.remove_task(self._tasks.pop(label))
        if not self._tasks:
            self._progress.stop()

    def close(self) -> None:
        """Take all progress away, and give the terminal back as it was."""
        for label in list(self._tasks):
            self.end(label)

    def _task(self, label: str) -> Task:
        return self._progress.tasks[self._progress.task_ids.index(self._tasks[label])]
