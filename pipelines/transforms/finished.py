"""What the finished runs behind each setting came to: scores by fold or seed, and what its pretraining came to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.plan.schema import Plan, Setting
from pipelines.transforms.planned import PlannedRuns

RESUMED_ON = "; "  # between the devices of one run in `run.timings`
CONTRASTIVE_ACCURACY, CONTRASTIVE_CHANCE = "contrastive_accuracy", "contrastive_chance"

Scores = Mapping[str, tuple[float | None, ...]]


@dataclass(frozen=True)
class FinishedRuns:
    """The finished runs of one setting, in the order of folds and seeds.

    Attributes:
        run_ids: Their ids.
        init: What their weights started from.
        scores: Per metric name, the score of each run; None where it is undefined. Those of the pretraining, of each of
            its runs.
        mixed: What differs in how they and their pretraining were computed, in words; empty where nothing does.
    """

    run_ids: tuple[str, ...]
    init: str
    scores: Scores
    mixed: str = ""


NOTHING = FinishedRuns((), "", {})


def finished_runs(
    plan: Plan,
    planned: PlannedRuns,
    runs: pl.DataFrame,
    fold_scores: pl.DataFrame,
    epochs: pl.DataFrame,
    inpainting: pl.DataFrame,
    timings: pl.DataFrame,
) -> dict[str, FinishedRuns]:
    """By setting_id, what the runs behind it came to; settings without a finished run are left out.

    Args:
        plan: The plan.
        planned: Its runs; equal runs may stand behind several settings.
        runs: `run.runs`.
        fold_scores: `run.fold_scores`.
        epochs: `run.epochs`.
        inpainting: `report.inpainting`.
        timings: `run.timings`.
    """
    computed = computed_with(runs, timings)
    started = dict(runs.select("run_id", "init").iter_rows())
    values: dict[str, dict[str, float | None]] = {}
    for run_id, metric, value in fold_scores.select("run_id", "metric", "value").iter_rows():
        values.setdefault(run_id, {})[metric] = value
    best = highest(epochs, CONTRASTIVE_ACCURACY)
    found = {}
    for setting_id, behind in planned.behind(plan).items():
        ids = tuple(run["run_id"] for run in behind if run["run_id"] in started)
        if ids:
            before = [run["run_id"] for run in planned.pretrain.get(plan.pretraining_of.get(setting_id, ""), [])]
            scores = {
                **scores_of([values.get(run_id, {}) for run_id in ids]),
                **pretraining_scores(plan.settings[setting_id], before, best),
                **inpainting_scores(inpainting.filter(setting_id=setting_id)),
            }
            init = "; ".join(sorted({started[run_id] for run_id in ids}))
            behind_it = [computed[run_id] for run_id in (*ids, *before) if run_id in computed]
            found[setting_id] = FinishedRuns(ids, init, scores, mixed(behind_it))
    return found


def computed_with(runs: pl.DataFrame, timings: pl.DataFrame) -> dict[str, dict[str, str | None]]:
    """By run_id, the device, arithmetic and public version of torch that a run was computed with."""
    torch = {
        run_id: json.loads(versions).get("torch", "").partition("+")[0]
        for run_id, versions in runs.select("run_id", "versions_json").iter_rows()
    }
    rows = timings.select("run_id", "device", "arithmetic").iter_rows()
    return {
        run_id: {"device": device, "arithmetic": arithmetic, "torch": torch.get(run_id)}
        for run_id, device, arithmetic in rows
    }


def mixed(computed: Sequence[Mapping[str, str | None]]) -> str:
    """What differs between runs: `device: NVIDIA H100, cpu`; what is unknown of a run counts as equal."""
    found = {
        key: sorted({part for run in computed for part in (run[key] or "").split(RESUMED_ON)} - {""})
        for key in ("device", "arithmetic", "torch")
    }
    return "; ".join(f"{key}: {', '.join(values)}" for key, values in found.items() if len(values) > 1)


def scores_of(runs: Sequence[Mapping[str, float | None]]) -> dict[str, tuple[float | None, ...]]:
    """By metric, the score of each run."""
    names = sorted({name for run in runs for name in run})
    return {name: tuple(run.get(name) for run in runs) for name in names}


def highest(epochs: pl.DataFrame, metric: str) -> dict[str, float]:
    """By run_id, the highest value of a metric in any epoch."""
    rows = epochs.filter(pl.col("metric") == metric).drop_nulls("value")
    return dict(rows.group_by("run_id").agg(pl.col("value").max()).iter_rows())


def pretraining_scores(setting: Setting, run_ids: Sequence[str], best: Mapping[str, float]) -> Scores:
    """Contrastive accuracy of a pretraining, the highest of its epochs, and what guessing among a batch would give.

    jiang2024, Tables 6.3, 6.4 and 6.8: "the highest contrastive accuracy recorded in the pretraining stage".
    """
    section: Mapping[str, Any] = setting.settings.get("pretrain") or {}
    if not run_ids or not section.get("contrastive_weight"):
        return {}
    return {
        CONTRASTIVE_ACCURACY: tuple(best.get(run_id) for run_id in run_ids),
        CONTRASTIVE_CHANCE: (1 / section["batch_size"],),
    }


def inpainting_scores(rows: pl.DataFrame) -> Scores:
    """Mean squared error by masking ratio, named `mse/<ratio>`."""
    means = rows.group_by("mask_ratio", maintain_order=True).agg(pl.col("mse").mean())
    return {f"mse/{ratio:g}": (mse,) for ratio, mse in means.iter_rows()}
