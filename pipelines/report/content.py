"""Prepares what the templates of the report show as plain values: cells of printed tables, rows of all others."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pipelines.experiments.plan import Plan
from pipelines.experiments.schema import PRETRAIN, Metric, Printed, PrintedTable, Row
from pipelines.experiments.status import DONE

Line = Mapping[str, Any]
Rows = list[list[object]]
UNIT_SIGNS = {"percent": " (%)", "share": "", "nats": " (nats)", "plain": ""}
DECIMALS = {"percent": 2, "share": 3, "nats": 4, "plain": 4}
NO_NUMBER = "—"


@dataclass(frozen=True)
class NumberCell:
    """The printed number, empty where the source has no such number, and ours, empty where there is none."""

    printed: str
    ours: str


@dataclass(frozen=True)
class StatusCell:
    """The status of a row, and notes on its numbers."""

    status: str
    done: bool
    notes: Sequence[str]


@dataclass(frozen=True)
class ShownTable:
    """A printed table beside ours: rows of a label, a `NumberCell` per metric and a `StatusCell`."""

    printed: PrintedTable
    references: Sequence[str]
    header: Sequence[str]
    rows: Rows


def result_tables(plan: Plan, results: Iterable[Line]) -> dict[str, list[ShownTable]]:
    """Work -> its printed tables, in the order of the plan, from the rows of `report.results`."""
    lines = {(line["work"], line["table_id"], line["row_id"], line["metric"]): line for line in results}
    shown: dict[str, list[ShownTable]] = {}
    for table in plan.tables:
        header = ["Row", *(f"{metric.label}{UNIT_SIGNS[metric.unit]}" for metric in table.metrics), "Status"]
        rows = [result_row(table, row, lines) for row in table.rows]
        shown.setdefault(table.work, []).append(ShownTable(table, reference_labels(table), header, rows))
    return shown


def reference_labels(table: PrintedTable) -> list[str]:
    """Labels of the rows that tests compare with: of all rows, then of those on one split."""
    labels = {row.row_id: row.label for row in table.rows}
    named = [labels[table.reference_row]] if table.reference_row else []
    return named + [f"{labels[row_id]} (split {scheme})" for scheme, row_id in table.reference_rows.items()]


def result_row(table: PrintedTable, row: Row, results: Mapping[tuple[str, str, str, str], Line]) -> list[object]:
    """Label, one cell per metric, and the status with the tracks behind the scores and what is missing."""
    lines = [results.get((table.work, table.table_id, row.row_id, metric.name)) for metric in table.metrics]
    found = [line for line in lines if line]
    status = found[0]["status"] if found else "no result yet"
    mixed = [f"runs differ in {line['mixed']}" for line in found if line["mixed"]][:1]
    notes = [*tracks_scored(found), *sorted({line["note"] for line in found if line["note"]}), *mixed]
    numbers = [number_cell(row.printed_number(m), line, m) for m, line in zip(table.metrics, lines, strict=True)]
    return [row.label, *numbers, StatusCell(status, status == DONE and not mixed, notes)]


def tracks_scored(lines: Sequence[Line]) -> list[str]:
    """`30 of 31 tracks scored`, the others having no genre in scope; nothing where none is left out."""
    if not lines or not lines[0]["tracks_unlabelled"]:
        return []
    tracks = lines[0]["tracks_test"]
    return [f"{tracks - lines[0]['tracks_unlabelled']:,} of {tracks:,} tracks scored"]


def number_cell(printed: Printed, line: Line | None, metric: Metric) -> NumberCell:
    """The printed number and ours."""
    above = number(printed.mean, printed.sd, printed.mark, printed_digits(printed.mean, metric.unit))
    below = ""
    if line and line["ours_mean"] is not None:
        below = number(line["ours_mean"], line["ours_sd"], line["stars"], DECIMALS[metric.unit])
    return NumberCell("" if metric.is_extra else above, below)


def number(mean: float | None, sd: float | None, mark: str | None, digits: int) -> str:
    """`34.33 ± 0.48 *`; a dash where there is no number."""
    if mean is None:
        return NO_NUMBER
    deviation = "" if sd is None else f" ± {sd:.{digits}f}"
    return f"{mean:.{digits}f}{deviation}" + (f" {'–' if mark == '-' else mark}" if mark else "")


def printed_digits(mean: float | None, unit: str) -> int:
    """Decimals of a printed number: percentages are printed with two, others as they stand in the file."""
    shown = len(str(mean).partition(".")[2]) if mean is not None else 0
    return max(shown, DECIMALS[unit]) if unit == "percent" else shown


def importance_rows(importance: Iterable[Line]) -> Rows:
    """One row per coarse genre: importance of audio and of lyrics, their ratio, and the genres averaged."""
    return [
        [
            line["genre"],
            percent(line["audio_importance"]),
            percent(line["lyrics_importance"]),
            NO_NUMBER if line["importance_ratio"] is None else f"{line['importance_ratio']:.2f}",
            line["labels_averaged"],
        ]
        for line in sorted(importance, key=lambda line: line["genre"])
        if line["level"] == "coarse"
    ]


def intervals_table(lines: Sequence[Line]) -> dict[str, Any]:
    """Header and rows of the bootstrap intervals: one row per setting, one column per metric."""
    metrics = sorted({line["metric"] for line in lines})
    cells = {(line["setting_id"], line["metric"]): line for line in lines}
    settings = sorted({line["setting_id"] for line in lines})
    rows = [[name, *(interval(cells.get((name, metric))) for metric in metrics)] for name in settings]
    return {"header": ["Setting", *(f"{metric} (%)" for metric in metrics)], "rows": rows}


def interval(line: Line | None) -> str:
    """`33.48 (32.90 to 34.02)`."""
    if line is None or line["value"] is None:
        return NO_NUMBER
    return f"{percent(line['value'])} ({percent(line['low'])} to {percent(line['high'])})"


def percent(value: float | None) -> str:
    """A share in percent."""
    return NO_NUMBER if value is None else f"{value * 100:.2f}"


def step_rows(steps: Iterable[Line]) -> Rows:
    """One row per filter of a corpus, with what it left."""
    return [
        [f"{line['corpus']} {line['step_order']}. {line['step']}", line["rows_in"], line["rows_out"], line["reason"]]
        for line in sorted(steps, key=lambda line: (line["corpus"], line["step_order"]))
    ]


def refused_rows(rejects: Iterable[Line]) -> Rows:
    """Count the files, rows and ids that each stage of reading a dataset refused, for each reason."""
    counts = Counter((line["dataset"], line["stage"], line["reason"]) for line in rejects)
    return [[*key, count] for key, count in sorted(counts.items())]


def run_rows(runs: Iterable[Line]) -> Rows:
    """One row per setting with what it started from and how large it is, pretrainings first."""
    ordered = sorted(runs, key=lambda line: (line["stage"] != PRETRAIN, line["setting_id"], line["fold"] or 0))
    return [
        [
            f"{name}, pretraining" if stage == PRETRAIN else name,
            len(lines),
            ", ".join(sorted({"pretraining" if line["pretrained"] else str(line["init"]) for line in lines})),
            f"{lines[0]['parameters']:,}",
            *(distinct(lines, column) for column in ("profile", "data_kind", "tracks_train")),
            *(distinct(lines, column) for column in ("tracks_train_unlabelled", "tracks_test", "tracks_unlabelled")),
        ]
        for (stage, name), group in groupby(ordered, key=lambda line: (line["stage"], line["setting_id"]))
        for lines in [list(group)]
    ]


def distinct(lines: Iterable[Line], column: str) -> str:
    """The distinct values of a column."""
    return ", ".join(str(value) for value in sorted({line[column] for line in lines if line[column] is not None}))


def library_versions(runs: Iterable[Line]) -> list[str]:
    """`python 3.11.7, torch 2.13.0`, once per combination behind the runs."""
    texts = sorted({line["versions_json"] for line in runs})
    return [", ".join(f"{name} {version}" for name, version in json.loads(text).items()) for text in texts]
