"""What the planted runs found, as docs/planted.md."""

import statistics
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from pipelines.planted.experiment import Experiment, Question
from pipelines.results.significance import SignedRankTest, signed_rank_test

LEVEL = 0.05
Scores = Mapping[str, Sequence[Mapping[str, float]]]


def page(findings: Mapping[str, tuple[Experiment, Scores]]) -> str:
    """The whole document.

    Args:
        findings: By work, the experiment and its scores: by row, one mapping from metric to value per repetition.
    """
    sections = {work: "\n\n".join(_section(*found)) for work, found in findings.items()}
    text = resources.files(__package__).joinpath("page.md").read_text(encoding="utf-8")
    for work, section in sections.items():
        text = text.replace(f"<!-- {work} -->", section)
    return text


def outcome(question: Question, scores: Scores, metric: str) -> tuple[list[float], SignedRankTest | None]:
    """Difference of a question in every repetition, mean over its pairs of rows, and the one-sided exact test of it."""
    better, worse = (_means(scores, rows, metric) for rows in (question.better, question.worse))
    differences = [one - other for one, other in zip(better, worse, strict=True)]
    return differences, signed_rank_test(better, worse, alternative="reference_better")


def _means(scores: Scores, rows: Sequence[str], metric: str) -> list[float]:
    """Mean over some rows in every repetition."""
    return [statistics.fmean(run[metric] for run in runs) for runs in zip(*(scores[row] for row in rows), strict=True)]


def _section(experiment: Experiment, scores: Scores) -> list[str]:
    done = len(next(iter(scores.values())))
    stand = f"{done} of {experiment.repetitions} repetitions were trained."
    if not done:
        return [stand]
    return [stand, _rows(experiment, scores), _questions(experiment, scores)]


def _rows(experiment: Experiment, scores: Scores) -> str:
    lines = [_line(["row", *experiment.metrics]), _line(["---"] * (1 + len(experiment.metrics)))]
    for row, (label, _) in experiment.rows.items():
        lines.append(_line([label, *(_mean_sd([run[metric] for run in scores[row]]) for metric in experiment.metrics)]))
    return "\n".join(lines)


def _questions(experiment: Experiment, scores: Scores) -> str:
    header = ["question", *(f"{metric}: difference, p" for metric in experiment.metrics), "verdict"]
    lines = [_line(header), _line(["---"] * len(header))]
    for question in experiment.questions:
        found = [outcome(question, scores, metric) for metric in experiment.metrics]
        cells = [f"{_mean_sd(differences, signed=True)}, {_p(test)}" for differences, test in found]
        lines.append(_line([question.text, *cells, _verdict(found[0][1])]))
    return "\n".join(lines)


def _verdict(test: SignedRankTest | None) -> str:
    if test is None or not test.can_be_significant:
        return "not told: too few repetitions"
    return "contributes" if test.p_value < LEVEL else "does not, at this size"


def _p(test: SignedRankTest | None) -> str:
    return "-" if test is None else f"p = {test.p_value:.4f}"


def _mean_sd(values: Sequence[float], *, signed: bool = False) -> str:
    mean = f"{statistics.fmean(values):{'+' if signed else ''}.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def _line(cells: Sequence[Any]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
