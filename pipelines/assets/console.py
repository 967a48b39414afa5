"""Dagster's logger `console`: what a user sees of a job; the whole of it stays in Dagster's event log."""

import atexit
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.log_manager import DagsterLogRecordMetadata

from mgc_models.execution.run_log import duration
from pipelines.assets.planted import CORPORA as PLANTED
from pipelines.assets.preflight import CONFIGURATION
from pipelines.config import from_environment
from pipelines.console.progress import watch
from pipelines.console.terminal import Screen
from pipelines.console.view import JobView
from pipelines.corpora.config import CorpusError
from pipelines.datasets.common import DatasetError
from pipelines.experiments import load_plan
from pipelines.parallel import WorkerError
from pipelines.report.screen import last_screen
from pipelines.results.collect import RunFileError
from warehouse.contract import ContractError
from warehouse.printed import console_on
from warehouse.shards.writer import ShardError
from warehouse.store import DiskError, Store, StoreError

GROUPS = ("raw", "tracks", "corpora", "genres", "features", "plan", "training", "results", "report", "planted")
# Dagster says of every step behind a failed one, at level ERROR, that it is not executed; here they are counted.
BEHIND = "Dependencies for step "
# Errors of this project: their message says what is wrong and how to mend it, and a traceback would hide it.
FOR_THE_USER = {
    error.__name__
    for error in (
        ContractError,
        CorpusError,
        DatasetError,
        DiskError,
        RunFileError,
        ShardError,
        StoreError,
        WorkerError,
    )
}
ENDS = {
    dg.DagsterEventType.RUN_SUCCESS: "done",
    dg.DagsterEventType.RUN_FAILURE: "failed",
    dg.DagsterEventType.RUN_CANCELED: "stopped",
}


@dg.logger({}, description="Phases, finished runs, warnings and errors of a job, and at its end a screen of results.")
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """The logger of one job."""
    assert context.job_def is not None  # noqa: S101 - Dagster initialises loggers of jobs only
    # A step in a process of its own shares the terminal with others: it draws nothing that would be overwritten.
    shares = multiprocessing.parent_process() is not None
    screen = Screen(console_on(own_stream(sys.stderr)), draws=not shares)
    handler = JobHandler(context.job_def, screen)
    watch(handler.view.receive)
    atexit.register(screen.close)
    logger = logging.getLogger("mgc.console")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.handlers = [handler]
    return logger


def own_stream(stream: TextIO) -> TextIO:
    """The place that a stream writes to now: while steps run, Dagster turns the stream itself into a file."""
    try:
        return os.fdopen(os.dup(stream.fileno()), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    except OSError:  # not a file, as under a test runner
        return stream


def steps_of(job: dg.JobDefinition) -> dict[str, set[dg.AssetKey]]:
    """The assets of each step of a job."""
    steps: dict[str, set[dg.AssetKey]] = {}
    for key in job.asset_layer.executable_asset_keys:
        steps.setdefault(job.asset_layer.get(key).assets_def.node_def.name, set()).add(key)
    return steps


def phases_of(job: dg.JobDefinition, steps: Mapping[str, set[dg.AssetKey]]) -> dict[str, list[str]]:
    """The steps of each phase; one with assets of several groups belongs to that with most of them."""
    phases: dict[str, list[str]] = {group: [] for group in GROUPS}
    for step, keys in steps.items():
        groups = Counter(job.asset_layer.get(key).group_name for key in keys)
        phases.setdefault(max(groups, key=lambda group: (groups[group], group)), []).append(step)
    return phases


class JobHandler(logging.Handler):
    """Turns the records of a job into what its view shows."""

    def __init__(self, job: dg.JobDefinition, screen: Screen) -> None:
        super().__init__()
        self.job = job
        self.steps = steps_of(job)
        self.left = {step: set(keys) for step, keys in self.steps.items()}
        self.view = JobView(screen, phases_of(job, self.steps))
        self.failures: dict[str, str] = {}
        self.not_begun = 0
        self.began_s = time.monotonic()
        self.broken: dict[str, str] = {}  # by step, the check that failed last, in words
        self.store: Store | None = None
        self.profile = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, if it is one that a user wants to see; what cannot be shown does not stop the job."""
        try:
            self._show(record)
        except Exception:  # noqa: BLE001 - as every handler of `logging` does
            self.handleError(record)

    def _show(self, record: logging.LogRecord) -> None:
        about: DagsterLogRecordMetadata = record.dagster_meta  # type: ignore[attr-defined]
        event, message = about["dagster_event"], about["orig_message"]
        if event is not None:
            self._event(event)
        elif message.startswith(BEHIND):
            self.not_begun += 1
        elif record.levelno >= logging.WARNING:
            self.view.said(record.levelname, message)

    def _event(self, event: dg.DagsterEvent) -> None:
        step = (event.step_key or "").partition(".")[0].partition("[")[0]
        data: Any = event.event_specific_data
        match event.event_type:
            case dg.DagsterEventType.ASSET_MATERIALIZATION:
                self._materialised(step, data.materialization)
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION if not data.passed:
                found = "; ".join(f"{name}: {in_words(value.value)}" for name, value in data.metadata.items())
                self.broken[step] = f"{data.asset_key.to_user_string()}, check {data.check_name}: {found}"
                self.view.said("ERROR", self.broken[step])
            case dg.DagsterEventType.STEP_SUCCESS:
                self.view.took(step, data.duration_ms / 1000)
                if not self.left.get(step):
                    self.view.ended(step)
            case dg.DagsterEventType.STEP_UP_FOR_RETRY:
                self.view.said("WARNING", f"{self._named(step)} was stopped from outside, and is begun again")
            case dg.DagsterEventType.STEP_FAILURE:
                self._failed(step, data)
            case kind if kind in ENDS:
                self._ended(event)

    def _materialised(self, step: str, asset: dg.AssetMaterialization) -> None:
        self.left.get(step, set()).discard(asset.asset_key)
        values: dict[str, Any] = {name: value.value for name, value in asset.metadata.items()}
        if asset.asset_key in (CONFIGURATION, PLANTED):
            self.store, self.profile = Store(Path(str(values["store"]))), str(values["profile"])
            self.view.screen.line(headline(self.job.name, values), "bold")
        self.view.written(
            step,
            ".".join(asset.asset_key.path),
            rows=values.get("dagster/row_count"),
            unchanged=values.get("unchanged"),
            trained=values.get("runs_trained_now", 0),
        )

    def _failed(self, step: str, data: Any) -> None:
        if data.user_failure_data is not None and data.user_failure_data.description:
            message = data.user_failure_data.description
        else:
            error = data.error.cause or data.error
            message = error.message.strip()
            if error.cls_name == DagsterAssetCheckFailedError.__name__ and step in self.broken:
                message = self.broken[step]
            elif error.cls_name in FOR_THE_USER:
                message = message.partition(f"{error.cls_name}: ")[2] or message
            else:  # no error of this project: the traceback is what helps
                self.view.said("ERROR", data.error_display_string)
        self.failures[self._named(step)] = message
        self.view.ended(step, failed=True)

    def _named(self, step: str) -> str:
        return ", ".join(sorted(key.to_user_string() for key in self.steps.get(step, ()))) or step.replace("__", "/")

    def _ended(self, event: dg.DagsterEvent) -> None:
        screen = self.view.screen
        screen.close()
        screen.line(f"Job {self.job.name}: {ENDS[event.event_type]} after {duration(time.monotonic() - self.began_s)}")
        if event.event_type == dg.DagsterEventType.RUN_SUCCESS:
            if self.store is None:  # the steps had processes of their own, and one of those read the settings
                settings = from_environment()
                self.store, self.profile = Store(settings.store), settings.profile
            last_screen(console_on(own_stream(sys.stdout)), self.store, load_plan(self.profile), self.job.name)
            return
        first = getattr(event.event_specific_data, "first_step_failure_event", None)
        if first is not None and not self.failures:
            self._failed(first.step_key, first.event_specific_data)
        for message in dict.fromkeys(self.failures.values()):
            names = ", ".join(name for name, other in self.failures.items() if other == message)
            screen.line(f"failed: {names}: {message}", "red")
        if self.not_begun:
            screen.line(f"Steps behind that, not begun: {self.not_begun}.")
        what = "mend that and " if self.failures else ""
        again = f"dagster job execute -j {self.job.name}"
        screen.line(f"To go on, {what}run the same command again ({again}); what is finished is kept.")


def in_words(value: Any) -> str:
    """A value of the metadata of a check; a list as its items."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def headline(job: str, settings: Mapping[str, Any]) -> str:
    """Give the first line of a job: what runs, with which data, and where it goes."""
    data = "SAMPLE DATA (no dataset variable is set)" if settings["data_kind"] == "sample" else "the user's data"
    return f"Job {job} · profile {settings['profile']} · {data} · store {settings['store']}"
