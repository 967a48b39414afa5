"""Gathers what training left in the run folders into the `run.*` tables."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from mgc_models.artifacts import run_folder
from mgc_models.config.run import FinetuneRun, Run
from mgc_models.errors import RunError
from pipelines.experiments.runs import canonical_json
from pipelines.tables import typed_frame
from pipelines.training.planned import data_columns, is_finished, result_path
from warehouse.parsing import SpecError, parse, plain
from warehouse.store import Store

_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class Epoch:
    """One value of the learning curve."""

    epoch: int
    metric: str
    value: float | None


@dataclass(frozen=True)
class GenreScore:
    """Average precision of one genre, None where no test track has it, and how many have."""

    genre: str
    average_precision: float | None
    positives: int


@dataclass(frozen=True)
class Result:
    """`result.json` of a pretraining: what came of it."""

    run_id: str
    parameters: int
    init: str
    tracks_train: int
    versions: Mapping[str, str]
    epochs: tuple[Epoch, ...]


@dataclass(frozen=True)
class TestedResult(Result):
    """`result.json` of a fine-tuning, with its scores on the test part."""

    tracks_test: int
    tracks_unlabelled: int
    tracks_train_unlabelled: int
    scores: Mapping[str, float | None]
    classes_scored: Mapping[str, int]
    genre_ap: tuple[GenreScore, ...]


@dataclass(frozen=True)
class Timing:
    """`timing.json` of a run."""

    device: str
    started_at: str
    duration_wall_s: float
    sessions: int
    arithmetic: str | None = None
    samples_per_s: float | None = None


class RunFileError(ValueError):
    """A file of a run that cannot be used; the message names it and says how to mend it."""


def gather_runs(store: Store, runs: Sequence[Run]) -> dict[str, pl.DataFrame]:
    """The `run.*` tables of the finished ones among `runs`, in the order of the contract.

    Args:
        store: Where they lie.
        runs: The runs of the current plan (`pipelines.training.planned`).

    Raises:
        RunFileError: for a result or timing file that is damaged or belongs to another run.
    """
    finished = [(run, read_result(store, run)) for run in runs if is_finished(store, run.run_id)]
    results = [result for _, result in finished]
    tested = [result for result in results if isinstance(result, TestedResult)]
    rows: dict[str, list[dict[str, Any]]] = {
        "run.runs": [run_row(run, result) for run, result in finished],
        "run.epochs": [{"run_id": result.run_id, **vars(epoch)} for result in results for epoch in result.epochs],
        "run.fold_scores": [
            {"run_id": result.run_id, "metric": name, "value": value, "classes_scored": result.classes_scored.get(name)}
            for result in tested
            for name, value in result.scores.items()
        ],
        "run.genre_ap": [{"run_id": result.run_id, **vars(genre)} for result in tested for genre in result.genre_ap],
        "run.timings": [read_timing(store, result.run_id) for result in results],
    }
    return {name: typed_frame(name, found) for name, found in rows.items()}


def fewer_runs(before: pl.DataFrame, after: pl.DataFrame, planned: Collection[str]) -> list[str]:
    """Settings of which fewer runs are finished than before, in words: `jiang2024_bert (finetune): 3 of 5`.

    Args:
        before: Columns setting_id and stage of an earlier `run.runs`.
        after: The same of the one that would replace it.
        planned: The settings that are still asked for; others may go.
    """
    held, found = (Counter(frame.select("setting_id", "stage").iter_rows()) for frame in (before, after))
    return [
        f"{setting_id} ({stage}): {found[setting_id, stage]} of {count}"
        for (setting_id, stage), count in sorted(held.items())
        if setting_id in planned and found[setting_id, stage] < count
    ]


def run_row(run: Run, result: Result) -> dict[str, Any]:
    """One row of `run.runs`: what was asked (the run) and what came of it (the result)."""
    return {
        **{key: getattr(run, key) for key in ("work", "setting_id", "stage", "profile", "data_kind", "pretrained")},
        **data_columns(run),
        **{key: getattr(result, key) for key in ("run_id", "parameters", "init", "tracks_train")},
        **{key: getattr(result, key, None) for key in ("tracks_train_unlabelled", "tracks_test", "tracks_unlabelled")},
        "seed": run.settings.seed,
        "settings_json": canonical_json(plain(run.settings)),
        "versions_json": canonical_json(result.versions),
    }


def read_result(store: Store, run: Run) -> Result:
    """Read and check the result of a finished run.

    Raises:
        RunFileError: if it is not as `Result` or `TestedResult` says, or is another run's.
    """
    path = result_path(store, run.run_id)
    result: Result = read_file(path, TestedResult if isinstance(run, FinetuneRun) else Result)
    if result.run_id != run.run_id:
        raise RunFileError(f"{path}: holds run {result.run_id!r}; expected {run.run_id!r}. {remedy(path)}")
    return result


def read_timing(store: Store, run_id: str) -> dict[str, Any]:
    """Read a run's timing as a row of `run.timings`."""
    path = store.run(run_id) / run_folder.TIMING
    timing = read_file(path, Timing)
    try:
        started_at = dt.datetime.fromisoformat(timing.started_at)
    except ValueError as error:
        raise RunFileError(f"{path}: started_at is {timing.started_at!r}; expected a time. {remedy(path)}") from error
    if started_at.tzinfo is not None:
        started_at = started_at.astimezone(dt.UTC).replace(tzinfo=None)
    return {"run_id": run_id, **vars(timing), "started_at": started_at}


def read_file(path: Path, kind: type[_Kind]) -> _Kind:
    """Read a JSON file of a run as `kind`.

    Raises:
        RunFileError: naming the file, what was expected, and the mend.
    """
    try:
        return parse(kind, run_folder.read_json(path.parent, path.name))
    except RunError as error:
        raise RunFileError(str(error)) from error
    except SpecError as error:
        raise RunFileError(f"{path}: {error}. {remedy(path)}") from error


def remedy(path: Path) -> str:
    """What the user can do about a damaged file of a run."""
    return f"Delete the folder {path.parent} and start the job again: this run is then trained anew."
