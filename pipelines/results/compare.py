"""`report.results` and `report.significance`: each printed number beside ours, and the tests behind our marks."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines.config import Settings
from pipelines.experiments.plan import Plan, Setting
from pipelines.experiments.schema import UNITS, Metric, PrintedTable, Row
from pipelines.experiments.status import DONE, row_status
from pipelines.results.finished import NOTHING, FinishedRuns
from pipelines.results.notes import note
from pipelines.results.significance import SignedRankTest, signed_rank_test
from pipelines.tables import typed_frame


def results(
    plan: Plan, settings: Settings, found: Mapping[str, FinishedRuns], reasons: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Set ours beside every printed number.

    Ours are mean and sample standard deviation over the folds (or seeds) in which the metric is defined, in the printed
    unit, and null unless every run of the row's setting is finished.

    Args:
        plan: The plan, with the printed numbers.
        settings: The configuration; decides which tables' datasets are there.
        found: The finished runs of this plan by setting_id (`finished_runs`).
        reasons: Why a setting cannot be trained, by setting_id.

    Returns:
        `report.results` and `report.significance`.
    """
    finished = {setting_id: len(group.run_ids) for setting_id, group in found.items()}
    lines: list[dict[str, Any]] = []
    tests: list[dict[str, Any]] = []
    for table in plan.tables:
        statuses = [row_status(plan, table, row, settings, finished, reasons) for row in table.rows]
        done = {
            row.row_id: found[setting.setting_id]
            for row, status in zip(table.rows, statuses, strict=True)
            if status == DONE and (setting := plan.setting(table, row))
        }
        for order, (row, status) in enumerate(zip(table.rows, statuses, strict=True), start=1):
            for metric in table.metrics:
                runs = done.get(row.row_id, NOTHING)
                reference = plan.reference(table, row)
                test = test_row(plan, table, row, metric, done)
                common = {**identity(table, row), "metric": metric.name}
                lines.append(
                    {
                        **common,
                        "table_title": table.title,
                        "row_order": order,
                        "row_label": row.label,
                        "unit": metric.unit,
                        "is_extra": metric.is_extra,
                        **printed_columns(row, metric),
                        **our_columns(row, metric, runs),
                        **context_columns(plan, plan.setting(table, row), settings, runs),
                        "p_value": test and test.p_value,
                        "stars": test and test.stars,
                        "status": status,
                        "note": note(plan, table, row, metric, runs) if status == DONE else None,
                    }
                )
                if test and reference:
                    tests.append({**common, **test_columns(table, reference, test)})
    return typed_frame("report.results", lines), typed_frame("report.significance", tests)


def identity(table: PrintedTable, row: Row) -> dict[str, str]:
    """The columns that name a row."""
    return {"work": table.work, "table_id": table.table_id, "row_id": row.row_id}


def printed_columns(row: Row, metric: Metric) -> dict[str, Any]:
    """Give the columns of what the source prints."""
    printed = row.printed_number(metric)
    return {"printed_mean": printed.mean, "printed_sd": printed.sd, "printed_stars": printed.mark}


def row_scores(row: Row, metric: Metric, runs: FinishedRuns) -> tuple[float | None, ...]:
    """Scores of a row by fold or seed."""
    return runs.scores.get(row.score_name(metric), (None,) * len(runs.run_ids))


def our_columns(row: Row, metric: Metric, runs: FinishedRuns) -> dict[str, Any]:
    """Mean and sample standard deviation (n - 1) of ours, in the printed unit."""
    factor = UNITS[metric.unit]
    values = [value * factor for value in row_scores(row, metric, runs) if value is not None]
    return {
        "ours_mean": statistics.fmean(values) if values else None,
        "ours_sd": statistics.stdev(values) if len(values) > 1 else None,
        "n": len(values),
        "run_ids": list(runs.run_ids),
    }


def context_columns(plan: Plan, setting: Setting | None, settings: Settings, runs: FinishedRuns) -> dict[str, Any]:
    """Give the columns of what ours were obtained with; null where there is none of ours."""
    if setting is None or not runs.run_ids:
        columns = ("corpus", "data_kind", "profile", "init", "mixed", "tracks_test", "tracks_unlabelled")
        return dict.fromkeys(columns)
    return {
        "corpus": setting.data.corpus,
        "data_kind": settings.data_kind,
        "profile": plan.profile,
        "init": runs.init,
        "tracks_test": runs.tracks_test,
        "tracks_unlabelled": runs.tracks_unlabelled,
        "mixed": runs.mixed or None,
    }


def test_row(
    plan: Plan, table: PrintedTable, row: Row, metric: Metric, done: Mapping[str, FinishedRuns]
) -> SignedRankTest | None:
    """Test a row against its reference row.

    None where a side is missing, a fold is undefined, or the two are no pairs: scored on other tracks, or otherwise.
    """
    reference = plan.reference(table, row)
    if reference is None or reference.row_id not in done or row.row_id not in done:
        return None
    one, other = plan.setting(table, reference), plan.setting(table, row)
    sides = [row_scores(side, metric, done[side.row_id]) for side in (reference, row)]
    pairs = one is not None and other is not None and one.is_paired_with(other) and len(sides[0]) == len(sides[1])
    if not pairs or None in (*sides[0], *sides[1]):
        return None
    return signed_rank_test(*(better_is_more(side, metric) for side in sides), alternative=table.alternative)


def better_is_more(scores: Sequence[float | None], metric: Metric) -> list[float]:
    """Scores as they are, errors with the other sign, so that the better of two is always the greater."""
    return [-score if metric.is_error else score for score in scores if score is not None]


def test_columns(table: PrintedTable, reference: Row, test: SignedRankTest) -> dict[str, Any]:
    """Columns of `report.significance`."""
    return {
        "reference_row": reference.row_id,
        "alternative": table.alternative,
        "n": test.n,
        "statistic": test.statistic,
        "p_value": test.p_value,
        "stars": test.stars,
    }
