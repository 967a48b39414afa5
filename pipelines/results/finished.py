"""Gathers the scores of the finished runs behind each setting by fold or seed, and those of its pretraining."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from pipelines.experiments.plan import Plan, Setting
from pipelines.training.planned import PlannedRuns

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
        positives: Test tracks that have a genre, by genre in scope; empty for runs that are not tested.
        tracks_test: Tracks of the test parts; None for runs that are not tested.
        tracks_unlabelled: Those of them that no score counts, because they have no genre in scope.
        mixed: What differs in how they and their pretraining were computed, in words; empty where nothing does.
    """

    run_ids: tuple[str, ...]
    init: str
    scores: Scores
    positives: Mapping[str, int] = field(default_factory=dict)
    tracks_test: int | None = None
    tracks_unlabelled: int | None = None
    mixed: str = ""


NOTHING = FinishedRuns((), "", {})


def finished_runs(
    plan: Plan,
    planned: PlannedRuns,
    runs: pl.DataFrame,
    fold_scores: pl.DataFrame,
    epochs: pl.DataFrame,
    inpainting: pl.DataFrame,
    genre_ap: pl.DataFrame,
    timings: pl.DataFrame,
) -> dict[str, FinishedRuns]:
    """Give, by setting_id, what the runs behind it came to; settings without a finished run are left out.

    Args:
        plan: The plan.
        planned: Its runs; equal runs may stand behind several settings.
        runs: `run.runs`.
        fold_scores: `run.fold_scores`.
        epochs: `run.epochs`.
        inpainting: `report.inpainting`.
        genre_ap: `run.genre_ap`.
        timings: `run.timings`.
    """
    computed = computed_with(runs, timings)
    started = dict(runs.select("run_id", "init").iter_rows())
    values: dict[str, dict[str, float | None]] = {}
    for run_id, metric, value in fold_scores.select("run_id", "metric", "value").iter_rows():
        values.setdefault(run_id, {})[metric] = value
    best = {metric: highest(epochs, metric) for metric in (CONTRASTIVE_ACCURACY, CONTRASTIVE_CHANCE)}
    found = {}
    for setting_id, behind in planned.behind(plan).items():
        ids = tuple(run.run_id for run in behind if run.run_id in started)
        if ids:
            before = [run.run_id for run in planned.pretrain.get(plan.pretraining_of.get(setting_id, ""), [])]
            scores = {
                **scores_of([values.get(run_id, {}) for run_id in ids]),
                **pretraining_scores(plan.settings[setting_id], before, best),
                **inpainting_scores(inpainting.filter(setting_id=setting_id)),
            }
            init = "; ".join(sorted({started[run_id] for run_id in ids}))
            behind_it = [computed[run_id] for run_id in (*ids, *before) if run_id in computed]
            tested = tested_tracks(runs.filter(pl.col("run_id").is_in(ids)))
            positives = genre_ap.filter(pl.col("run_id").is_in(ids)).group_by("genre").agg(pl.col("positives").sum())
            found[setting_id] = FinishedRuns(
                ids, init, scores, dict(positives.sort("genre").iter_rows()), *tested, mixed=mixed(behind_it)
            )
    return found


def tested_tracks(runs: pl.DataFrame) -> tuple[int | None, int | None]:
    """Tracks of the test parts of some runs, and those that no score counts; each fold once, whatever the seeds."""
    tested = runs.drop_nulls("tracks_test").unique("fold")
    if tested.is_empty():
        return None, None
    return int(tested["tracks_test"].sum()), int(tested["tracks_unlabelled"].sum())


def computed_with(runs: pl.DataFrame, timings: pl.DataFrame) -> dict[str, dict[str, str | None]]:
    """Give, by run_id, the device, arithmetic and public version of torch that a run was computed with."""
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
    """Say what differs between runs: `device: NVIDIA H100, cpu`; what is unknown of a run counts as equal."""
    found = {
        key: sorted({part for run in computed for part in (run[key] or "").split(RESUMED_ON)} - {""})
        for key in ("device", "arithmetic", "torch")
    }
    return "; ".join(f"{key}: {', '.join(values)}" for key, values in found.items() if len(values) > 1)


def scores_of(runs: Sequence[Mapping[str, float | None]]) -> dict[str, tuple[float | None, ...]]:
    """Give, by metric, the score of each run."""
    names = sorted({name for run in runs for name in run})
    return {name: tuple(run.get(name) for run in runs) for name in names}


def highest(epochs: pl.DataFrame, metric: str) -> dict[str, float]:
    """Give, by run_id, the highest value of a metric in any epoch."""
    rows = epochs.filter(pl.col("metric") == metric).drop_nulls("value")
    return dict(rows.group_by("run_id").agg(pl.col("value").max()).iter_rows())


def pretraining_scores(setting: Setting, run_ids: Sequence[str], best: Mapping[str, Mapping[str, float]]) -> Scores:
    """Contrastive accuracy of a pretraining, the highest of its epochs, and what guessing would have given.

    jiang2024, Tables 6.3, 6.4 and 6.8: "the highest contrastive accuracy recorded in the pretraining stage". Guessing
    is right for one track of every batch, of a smaller last one too: training writes down what that came to.
    """
    section = setting.settings.pretrain
    if not run_ids or not section or not section.contrastive_weight:
        return {}
    return {metric: tuple(values.get(run_id) for run_id in run_ids) for metric, values in best.items()}


def inpainting_scores(rows: pl.DataFrame) -> Scores:
    """By masking ratio: mean squared error, share of hidden words that are guessed, and of stop words among these.

    Named `mse/<ratio>`, `word_accuracy/<ratio>` and `stop_words/<ratio>`; a share of nothing is None.
    """
    sums = rows.group_by("mask_ratio", maintain_order=True).agg(
        mse=pl.col("mse").mean(),
        word_accuracy=pl.col("words_right").sum() / pl.col("words_hidden").sum(),
        stop_words=pl.col("stop_words_right").sum() / pl.col("words_right").sum(),
    )
    finite = sums.with_columns(pl.col("word_accuracy", "stop_words").fill_nan(None))
    return {
        f"{name}/{line['mask_ratio']:g}": (line[name],)
        for line in finite.iter_rows(named=True)
        for name in ("mse", "word_accuracy", "stop_words")
    }
