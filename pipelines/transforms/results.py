"""`report.results` and `report.significance`: each printed number beside ours, and the tests behind our marks."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines.plan.schema import UNITS, Metric, Plan, PrintedTable, Row, Setting
from pipelines.plan.status import DONE, row_status
from pipelines.settings import Settings
from pipelines.transforms.finished import NOTHING, FinishedRuns
from pipelines.transforms.frames import typed_frame
from pipelines.transforms.significance import SignedRankTest, signed_rank_test


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
        statuses = [row_status(row, plan.setting(table, row), settings, finished, reasons) for row in table.rows]
        done = {
            row.row_id: found[setting.setting_id]
            for row, status in zip(table.rows, statuses, strict=True)
            if status == DONE and (setting := plan.setting(table, row))
        }
        for order, (row, status) in enumerate(zip(table.rows, statuses, strict=True), start=1):
            for metric in table.metrics:
                test = test_row(table, row, metric, done)
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
                        **our_columns(row, metric, done.get(row.row_id, NOTHING)),
                        **context_columns(plan, plan.setting(table, row), settings, done.get(row.row_id, NOTHING)),
                        "p_value": test and test.p_value,
                        "stars": test and test.stars,
                        "status": status,
                    }
                )
                if test:
                    tests.append({**common, **test_columns(table, test)})
    return typed_frame("report.results", lines), typed_frame("report.significance", tests)


def identity(table: PrintedTable, row: Row) -> dict[str, str]:
    """The columns that name a row."""
    return {"work": table.work, "table_id": table.table_id, "row_id": row.row_id}


def printed_columns(row: Row, metric: Metric) -> dict[str, Any]:
    """What the source prints."""
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
    """What ours were obtained with; null where there is none of ours."""
    if setting is None or not runs.run_ids:
        return {"corpus": None, "data_kind": None, "profile": None, "init": None, "mixed": None}
    return {
        "corpus": setting.data["corpus"],
        "data_kind": settings.data_kind,
        "profile": plan.profile,
        "init": runs.init,
        "mixed": runs.mixed or None,
    }


def test_row(table: PrintedTable, row: Row, metric: Metric, done: Mapping[str, FinishedRuns]) -> SignedRankTest | None:
    """Test a row against the table's reference row; None where a side is missing or a fold is undefined."""
    if table.reference_row in (None, row.row_id) or table.reference_row not in done or row.row_id not in done:
        return None
    reference = next(other for other in table.rows if other.row_id == table.reference_row)
    sides = [row_scores(side, metric, done[side.row_id]) for side in (reference, row)]
    if len(sides[0]) != len(sides[1]) or None in (*sides[0], *sides[1]):
        return None
    return signed_rank_test(*(defined(side) for side in sides), alternative=table.alternative)


def defined(scores: Sequence[float | None]) -> list[float]:
    """Scores without the undefined ones."""
    return [score for score in scores if score is not None]


def test_columns(table: PrintedTable, test: SignedRankTest) -> dict[str, Any]:
    """Columns of `report.significance`."""
    return {
        "reference_row": table.reference_row,
        "alternative": table.alternative,
        "n": test.n,
        "statistic": test.statistic,
        "p_value": test.p_value,
        "stars": test.stars,
    }
