"""Shows a user the phases, finished runs and warnings of a job while it goes on. Knows nothing of Dagster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mgc_models.execution.run_log import duration
from pipelines.console.progress import Begun, Ended, FromRun, News, Reached
from pipelines.console.terminal import Screen

# Tables whose number of rows tells a reader how much data there is.
COUNTED = {
    *("core.tracks", "core.lyrics", "core.rejects"),
    *("corpus.m4a", "corpus.ru87", "corpus.msd_genius", "corpus.fma_medium"),
    *("feature.shards", "run.runs", "report.results"),
}
SCORES = ("accuracy", "f1", "map", "loss")  # the first that a run has is shown
STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@dataclass
class Phase:
    """One part of a job.

    Attributes:
        name: Of the asset group.
        steps: Those that are not ended.
        taken_s: Time of those that are.
        changed: Whether any of them did something; None while none has said.
        failed: Whether any of them failed.
        rows: Rows of the tables in `COUNTED` that it wrote.
        trained: Training runs done now.
    """

    name: str
    steps: set[str]
    taken_s: float = 0.0
    changed: bool | None = None
    failed: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    trained: int = 0

    def line(self) -> str:
        """`features   38 s   feature.shards 72 rows`."""
        facts = [f"{name} {count:,} rows" for name, count in self.rows.items() if count]
        facts += [f"{self.trained} runs trained"] if self.trained else []
        if self.failed:
            facts = ["failed"]
        elif self.changed is False:
            facts = ["nothing changed"]
        return f"{self.name:<10} {duration(self.taken_s):>12}   {', '.join(facts)}".rstrip()


@dataclass
class Training:
    """Training runs that one worker goes through.

    Attributes:
        label: Names the work.
        names: Of the runs, by run_id.
        finished: Runs that are finished.
        shares: How much is done of those that have begun and not ended.
    """

    label: str
    names: Mapping[str, str]
    finished: int = 0
    shares: dict[str, float] = field(default_factory=dict)


class JobView:
    """Turns what happens in a job into lines.

    Args:
        screen: Shows them.
        phases: The steps of each phase, in the order of the data.
    """

    def __init__(self, screen: Screen, phases: Mapping[str, Sequence[str]]) -> None:
        self.screen = screen
        self._phase_of = {}
        for name, steps in phases.items():
            phase = Phase(name, set(steps))
            self._phase_of.update(dict.fromkeys(steps, phase))
        self._training = Training("", {})

    def written(
        self, step: str, table: str, *, rows: int | None = None, unchanged: bool | None = None, trained: int = 0
    ) -> None:
        """A step has written a table, or found that it need not."""
        phase = self._phase_of.get(step)
        if phase is None:
            return
        if table in COUNTED and rows is not None:
            phase.rows[table] = rows
        if unchanged is not None:
            phase.changed = bool(phase.changed) or not unchanged
        phase.trained += trained

    def took(self, step: str, seconds: float) -> None:
        """A step, or a part of one, took some time."""
        if step in self._phase_of:
            self._phase_of[step].taken_s += seconds

    def ended(self, step: str, *, failed: bool = False) -> None:
        """A step has ended; with the last of a phase the phase has, and gets its line."""
        phase = self._phase_of.get(step)
        if phase is None or step not in phase.steps:
            return
        phase.steps.remove(step)
        phase.failed |= failed
        if not phase.steps:
            self.screen.line(phase.line(), "red" if phase.failed else "bold")

    def said(self, level: str, message: str) -> None:
        """Something that the user must read, whole."""
        self.screen.line(f"{level.lower()}: {message}", STYLES.get(level, ""))

    def receive(self, news: News) -> None:
        """Show how far long work is."""
        match news:
            case Begun(label, total, unit, runs):
                self.screen.begin(label, total, unit)
                if runs:  # resumed ones do not begin at 0
                    self._training = Training(label, runs)
                else:
                    self.screen.reach(label, 0)
            case Reached(label, done):
                self.screen.reach(label, done)
            case Ended(label):
                self.screen.end(label)
            case FromRun(run_id, event, values):
                self._run(run_id, event, values)

    def _run(self, run_id: str, event: str, values: Mapping[str, float]) -> None:
        training = self._training
        if run_id not in training.names:
            return
        if event == "finished":
            training.finished += 1
            self.screen.line(f"  {finished_line(training.names[run_id], values)}", "dim")
        if event in {"finished", "stopped", "failed"}:
            training.shares.pop(run_id, None)
        else:
            training.shares[run_id] = values.get("done", 0.0)
        self.screen.reach(training.label, training.finished + sum(training.shares.values()))


def finished_line(name: str, values: Mapping[str, float]) -> str:
    """`jiang2024 · bert · fold 3 of 5: accuracy .41, 2.1 s`."""
    score = next((f"{key} {short(values[key])}, " for key in SCORES if key in values), "")
    seconds = values["elapsed_s"]
    return f"{name}: {score}{f'{seconds:.1f} s' if seconds < 60 else duration(seconds)}"


def short(value: float) -> str:
    """`.41` of a share, `12.3` of anything else."""
    return f"{value:.2f}".removeprefix("0") if 0 <= value < 1 else f"{value:.3g}"
