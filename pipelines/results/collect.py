"""Gathers what training left in the run folders into the `run.*` tables."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from mgc_models.artifacts import run_folder
from mgc_models.errors import RunError
from pipelines.experiments.runs import canonical_json
from pipelines.experiments.schema import PRETRAIN
from pipelines.tables import typed_frame
from pipelines.training.planned import data_columns, is_finished, result_path
from warehouse.store import Store

PRETRAIN_KEYS = {
    "run_id": str,
    "parameters": int,
    "init": str,
    "tracks_train": int,
    "versions": dict,
    "epochs": list,
}
EVALUATE_KEYS = PRETRAIN_KEYS | {
    "tracks_test": int,
    "tracks_unlabelled": int,
    "tracks_train_unlabelled": int,
    "scores": dict,
    "classes_scored": dict,
    "genre_ap": list,
}
TIMING_KEYS = {"device": str, "started_at": str, "duration_wall_s": float, "sessions": int}


class RunFileError(ValueError):
    """A file of a run that cannot be used; the message names it and says how to mend it."""


@dataclass(frozen=True)
class RunTables:
    """The `run.*` tables of the finished runs."""

    runs: pl.DataFrame
    epochs: pl.DataFrame
    fold_scores: pl.DataFrame
    genre_ap: pl.DataFrame
    timings: pl.DataFrame

    def by_name(self) -> dict[str, pl.DataFrame]:
        """Frames by table name, in the order of the contract."""
        return {
            "run.runs": self.runs,
            "run.epochs": self.epochs,
            "run.fold_scores": self.fold_scores,
            "run.genre_ap": self.genre_ap,
            "run.timings": self.timings,
        }


def gather_runs(store: Store, runs: Sequence[Mapping[str, Any]]) -> RunTables:
    """Read the finished ones among `runs`; unfinished ones have no row.

    Args:
        store: Where they lie.
        runs: RUN mappings of the current plan (`pipelines.training.planned`).

    Raises:
        RunFileError: for a result or timing file that is damaged or belongs to another run.
    """
    finished = [(run, read_result(store, run)) for run in runs if is_finished(store, run["run_id"])]
    ids = [(run["run_id"], result) for run, result in finished]
    return RunTables(
        runs=typed_frame("run.runs", [run_row(run, result) for run, result in finished]),
        epochs=typed_frame(
            "run.epochs", [{"run_id": run_id, **epoch} for run_id, result in ids for epoch in result["epochs"]]
        ),
        fold_scores=typed_frame(
            "run.fold_scores",
            [
                {
                    "run_id": run_id,
                    "metric": metric,
                    "value": value,
                    "classes_scored": result["classes_scored"].get(metric),
                }
                for run_id, result in ids
                for metric, value in result.get("scores", {}).items()
            ],
        ),
        genre_ap=typed_frame(
            "run.genre_ap",
            [{"run_id": run_id, **genre} for run_id, result in ids for genre in result.get("genre_ap", [])],
        ),
        timings=typed_frame("run.timings", [read_timing(store, run_id) for run_id, _ in ids]),
    )


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


def run_row(run: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """One row of `run.runs`: what was asked (the run) and what came of it (the result)."""
    return {
        **{key: run[key] for key in ("work", "setting_id", "stage", "profile", "data_kind")},
        "pretrained": run.get("pretrained"),
        **data_columns(run),
        **{key: result[key] for key in ("run_id", "parameters", "init", "tracks_train")},
        **{key: result.get(key) for key in ("tracks_train_unlabelled", "tracks_test", "tracks_unlabelled")},
        "seed": run["settings"]["seed"],
        "settings_json": canonical_json(run["settings"]),
        "versions_json": canonical_json(result["versions"]),
    }


def read_result(store: Store, run: Mapping[str, Any]) -> dict[str, Any]:
    """Read and check the result of a finished run.

    Raises:
        RunFileError: if it is no JSON, lacks a key, or is another run's.
    """
    path = result_path(store, run["run_id"])
    result = read_json(path, PRETRAIN_KEYS if run["stage"] == PRETRAIN else EVALUATE_KEYS)
    if result["run_id"] != run["run_id"]:
        raise RunFileError(f"{path}: holds run {result['run_id']!r}; expected {run['run_id']!r}. {remedy(path)}")
    for key, columns in (
        ("genre_ap", {"genre", "average_precision", "positives"}),
        ("epochs", {"epoch", "metric", "value"}),
    ):
        if any(not isinstance(row, dict) or row.keys() != columns for row in result.get(key, [])):
            raise RunFileError(f"{path}: {key} is not a list of {', '.join(sorted(columns))}. {remedy(path)}")
    return result


def read_timing(store: Store, run_id: str) -> dict[str, Any]:
    """Read a run's timing as a row of `run.timings`."""
    path = store.run(run_id) / "timing.json"
    timing = read_json(path, TIMING_KEYS)
    try:
        started_at = dt.datetime.fromisoformat(timing["started_at"])
    except ValueError as error:
        raise RunFileError(
            f"{path}: started_at is {timing['started_at']!r}; expected a time. {remedy(path)}"
        ) from error
    if started_at.tzinfo is not None:
        started_at = started_at.astimezone(dt.UTC).replace(tzinfo=None)
    columns = ("device", "duration_wall_s", "sessions")
    return {
        "run_id": run_id,
        "started_at": started_at,
        "arithmetic": timing.get("arithmetic"),
        "samples_per_s": timing.get("samples_per_s"),
        **{key: timing[key] for key in columns},
    }


def read_json(path: Path, keys: Mapping[str, type]) -> dict[str, Any]:
    """Read a JSON object and check that `keys` are there with their types.

    Raises:
        RunFileError: naming the file, what was expected, and the mend.
    """
    try:
        value = run_folder.read_json(path.parent, path.name)
    except RunError as error:
        raise RunFileError(str(error)) from error
    for key, expected in keys.items():
        accepted = (int, float) if expected is float else expected
        if not isinstance(value.get(key), accepted) or isinstance(value.get(key), bool):
            raise RunFileError(f"{path}: {key} is {value.get(key)!r}; expected {expected.__name__}. {remedy(path)}")
    return value


def remedy(path: Path) -> str:
    """What the user can do about a damaged file of a run."""
    return f"Delete the folder {path.parent} and start the job again: this run is then trained anew."
