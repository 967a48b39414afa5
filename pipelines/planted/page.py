"""What the planted experiments came to, as docs/planted.md."""

import statistics
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import polars as pl

from pipelines.experiments import Metric, Plan, PrintedTable
from pipelines.experiments.schema import Question
from pipelines.planted.bounds import LABELS
from pipelines.results.compare import row_scores
from pipelines.results.finished import FinishedRuns
from pipelines.results.significance import SignedRankTest, signed_rank_test
from warehouse.printed import with_spread

LEVEL = 0.05
Found = Mapping[str, FinishedRuns]
Limits = Mapping[str, Sequence[Mapping[str, float]]]


def page(plan: Plan, found: Found, results: pl.DataFrame, limits: Limits, made_with: str) -> str:
    """The whole document.

    Args:
        plan: The planted experiments.
        found: Their finished runs by setting_id.
        results: `report.results`.
        limits: By corpus, its bounds in every repetition.
        made_with: Code and machine, in words.
    """
    text = resources.files(__package__).joinpath("page.md").read_text(encoding="utf-8")
    for table in plan.tables:
        settings = [setting for row in table.rows if (setting := plan.setting(table, row))]
        own = limits[settings[0].data.corpus]
        rows = _rows(table, results.filter(work=table.work, table_id=table.table_id), own)
        text = text.replace(f"<!-- {table.name} -->", f"{rows}\n\n{_questions(plan, table, found)}")
    return text.replace("<!-- made with -->", made_with)


def outcome(
    plan: Plan, table: PrintedTable, question: Question, metric: Metric, found: Found
) -> tuple[list[float], SignedRankTest | None]:
    """Difference of a question in every repetition, mean over its rows on either side, and the exact test of it."""
    better, worse = (_means(plan, table, rows, metric, found) for rows in (question.better, question.worse))
    differences = [one - other for one, other in zip(better, worse, strict=True)]
    return differences, signed_rank_test(better, worse, alternative="reference_better")


def _means(plan: Plan, table: PrintedTable, names: Sequence[str], metric: Metric, found: Found) -> list[float]:
    """Mean over some rows in every repetition."""
    rows = [row for row in table.rows if row.row_id in names]
    settings = [setting for row in rows if (setting := plan.setting(table, row))]
    pairs = zip(rows, settings, strict=True)
    scores = [row_scores(row, metric, found[setting.setting_id]) for row, setting in pairs]
    return [
        statistics.fmean(score for score in repetition if score is not None) for repetition in zip(*scores, strict=True)
    ]


def _rows(table: PrintedTable, results: pl.DataFrame, limits: Sequence[Mapping[str, float]]) -> str:
    lines = [_line(["row", *(metric.label for metric in table.metrics)]), _line(["---"] * (1 + len(table.metrics)))]
    for row in table.rows:
        ours = {line["metric"]: line for line in results.filter(row_id=row.row_id).iter_rows(named=True)}
        cells = [with_spread(ours[metric.name]["ours_mean"], ours[metric.name]["ours_sd"]) for metric in table.metrics]
        lines.append(_line([row.label, *cells]))
    for name, label in LABELS.items():
        if name in limits[0]:  # a bound is one of the first metric, mAP
            lines.append(_line([label, _over([one[name] for one in limits]), *[""] * (len(table.metrics) - 1)]))
    return "\n".join(lines)


def _questions(plan: Plan, table: PrintedTable, found: Found) -> str:
    header = ["question", *(f"{metric.label}: difference, p" for metric in table.metrics), "verdict"]
    lines = [_line(header), _line(["---"] * len(header))]
    for question in table.questions:
        outcomes = [outcome(plan, table, question, metric, found) for metric in table.metrics]
        cells = [f"{_difference(differences)}, {_p(test)}" for differences, test in outcomes]
        lines.append(_line([question.text, *cells, verdict(outcomes[0][1])]))
    return "\n".join(lines)


def verdict(test: SignedRankTest | None) -> str:
    """What a test of the first metric says, in words."""
    if test is None or not test.can_be_significant:
        return "not told: too few repetitions"
    return "contributes" if test.p_value < LEVEL else "does not, at this size"


def _p(test: SignedRankTest | None) -> str:
    return "-" if test is None else f"p = {test.p_value:.4f}"


def _difference(values: Sequence[float]) -> str:
    return ("+" if statistics.fmean(values) >= 0 else "") + _over(values)


def _over(values: Sequence[float]) -> str:
    """Mean and standard deviation over repetitions."""
    return with_spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
