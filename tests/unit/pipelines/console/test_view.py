"""What a job shows while it goes on, without Dagster: phases, finished runs, progress with the time left."""

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mgc_models.config.run import parse_run
from pipelines.console.progress import Begun, Ended, FromRun, Reached, followed, watch
from pipelines.console.terminal import Screen
from pipelines.console.view import JobView
from pipelines.experiments import load_plan
from pipelines.report.screen import counts
from pipelines.training.launch import run_names
from tests.unit.mgc_models.tiny_job import make_pretrain_run, make_run

PHASES = {"raw": ["read"], "features": ["audio", "lyrics"]}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def view(*, terminal: bool = False, clock: Clock | None = None) -> tuple[JobView, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=terminal, color_system=None, highlight=False)
    return JobView(Screen(console, now=clock or Clock()), PHASES), out


def test_a_phase_gets_one_line_with_the_time_of_its_steps_when_the_last_has_ended() -> None:
    shown, out = view()
    for step, seconds in (("audio", 40.0), ("lyrics", 25.0), ("read", 1.0)):
        shown.written(step, "feature.shards", rows=72, unchanged=step == "read")
        shown.took(step, seconds)
        shown.ended(step)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [
        ["features", "1", "min", "05", "s", "feature.shards", "72", "rows"],
        ["raw", "1", "s", "nothing", "changed"],
    ]


def test_warnings_are_shown_whole() -> None:
    shown, out = view()
    shown.said("WARNING", "the first line\n" + "long " * 60)
    assert out.getvalue().startswith("warning: the first line\n")
    assert out.getvalue().count("long") == 60


def test_without_a_terminal_progress_is_a_line_at_most_every_ten_seconds_with_the_time_left() -> None:
    clock = Clock()
    shown, out = view(clock=clock)
    shown.receive(Begun("Decoding fma", 100, "files"))
    for second in range(31):
        clock.now = float(second)
        shown.receive(Reached("Decoding fma", second))
    shown.receive(Ended("Decoding fma"))
    assert out.getvalue().splitlines() == [
        f"  Decoding fma: {done} of 100 files, {duration} left"
        for done, duration in ((10, "1 min 30 s"), (20, "1 min 20 s"), (30, "1 min 10 s"))
    ]


def test_a_terminal_shows_a_bar_and_has_nothing_left_of_it_at_the_end() -> None:
    shown, out = view(terminal=True)
    shown.receive(Begun("Decoding fma", 100, "files"))
    shown.receive(Reached("Decoding fma", 50))
    until = time.monotonic() + 10
    while "50 of 100 files" not in out.getvalue():
        assert time.monotonic() < until
        time.sleep(0.01)
    shown.screen.line("between")
    shown.screen.close()
    assert "between" in out.getvalue()
    assert "50 of" not in out.getvalue().rpartition("\x1b[2K")[2]  # the line of the bar is erased


PLAN = load_plan("smoke")
RUNS = [
    parse_run(raw | {"setting_id": "jiang2024_bert"})
    for raw in (make_pretrain_run("pretrain0"), make_run("finetune0", fold=0), make_run("finetune1", fold=1))
]


def test_a_finished_run_is_one_line_by_the_name_of_its_setting() -> None:
    shown, out = view()
    shown.receive(Begun("Training", 3, "runs", run_names(RUNS)))
    shown.receive(FromRun("finetune1", "epoch", {"done": 0.5}))
    shown.receive(FromRun("finetune1", "finished", {"elapsed_s": 2.13, "f1": 0.3, "accuracy": 0.412}))
    shown.receive(FromRun("pretrain0", "finished", {"elapsed_s": 200.0, "loss": 12.34}))
    shown.receive(FromRun("of another job", "finished", {"elapsed_s": 1.0}))
    assert out.getvalue().splitlines() == [
        "  jiang2024 · bert · fold 2 of 2: accuracy .41, 2.1 s",
        "  jiang2024 · bert · pretraining: loss 12.3, 3 min 20 s",
    ]


def test_the_progress_of_training_counts_the_parts_of_runs_that_go_on() -> None:
    clock = Clock()
    shown, out = view(clock=clock)
    shown.receive(Begun("Training", 2, "runs", run_names(RUNS[1:])))
    shown.receive(FromRun("finetune0", "epoch", {"done": 0.0}))
    clock.now = 20.0
    shown.receive(FromRun("finetune0", "epoch", {"done": 0.5}))
    assert out.getvalue() == "  Training: 0 of 2 runs, 1 min 00 s left\n"


def test_work_that_breaks_off_is_told_to_have_ended() -> None:
    heard: list[object] = []
    watch(heard.append)
    with pytest.raises(KeyError), followed("Decoding", 2, "files") as reached:
        reached(1)
        raise KeyError
    assert heard == [Begun("Decoding", 2, "files"), Reached("Decoding", 1), Ended("Decoding")]


STATUSES = st.sampled_from(
    ["done", "not run: 0 of 5 runs are finished", "not run: the source quotes Kim et al., whose model …", "other"]
)
TABLES = st.sampled_from([("jiang2024", "extra"), ("jiang2024", "table_6_9"), ("ru2023", "objective")])


@given(st.lists(st.tuples(TABLES, STATUSES)))
def test_every_row_is_counted_under_one_reason(found: list[tuple[tuple[str, str], str]]) -> None:
    lines = counts([(*table, status) for table, status in found], PLAN)
    done, total = (int(word) for word in lines[0].split() if word.isdecimal())
    assert total == len(found)
    assert done + sum(int(line.split()[0]) for line in lines[1:]) == total


def test_rows_of_another_job_come_with_its_command() -> None:
    unfinished = "not run: 0 of 5 runs are finished"
    lines = counts([("jiang2024", "extra", unfinished), ("ru2023", "objective", unfinished)], PLAN)
    assert sorted(line.split(": ")[1] for line in lines[1:]) == [
        "dagster job execute -j jiang2024_extra",
        "dagster job execute -j ru2023",
    ]
