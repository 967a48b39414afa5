"""The sections of the report, from the tables of the warehouse."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.experiments.schema import PRETRAIN, Metric, Plan, Printed, PrintedTable, Row
from pipelines.experiments.status import DONE
from pipelines.report.markup import Markup, escape, join, table, tag

Line = Mapping[str, Any]
Cells = Mapping[tuple[str, str, str, str], Line]
UNIT_SIGNS = {"percent": " (%)", "share": "", "nats": " (nats)", "plain": ""}
DECIMALS = {"percent": 2, "share": 3, "nats": 4, "plain": 4}
OURS = "Ours, beyond the source."


def results_sections(plan: Plan, results: Sequence[Line]) -> Markup:
    """One section per work, one table per printed table."""
    cells = {(line["work"], line["table_id"], line["row_id"], line["metric"]): line for line in results}
    works = list(dict.fromkeys(table.work for table in plan.tables))
    return join(
        tag(
            "section", tag("h2", work), *(printed_table(one, cells) for one in plan.tables if one.work == work), id=work
        )
        for work in works
    )


def weights_notice(lacking: Sequence[str]) -> Markup:
    """What the results lack because pretrained weights were not configured; nothing where all were."""
    if not lacking:
        return Markup("")
    rows = [tag("li", sentence) for sentence in lacking]
    return tag("div", "Without published weights:", tag("ul", *rows), class_="banner", role="note")


def printed_table(printed: PrintedTable, cells: Cells) -> Markup:
    """A printed table, each cell with ours below the printed number."""
    header = ["Row", *(f"{metric.label}{UNIT_SIGNS[metric.unit]}" for metric in printed.metrics), "Status"]
    note = f"{printed.source}.{references(printed)}"
    return join(
        [
            tag("h3", printed.title, id=printed.name),
            *([tag("p", OURS, class_="extra")] if printed.is_extra else []),
            tag("p", note, " ", tag("code", f"report.{printed.name}"), class_="source"),
            table(header, [table_row(printed, row, cells) for row in printed.rows]),
        ]
    )


def references(printed: PrintedTable) -> str:
    """` Reference row of the tests: Ours (A-L).`, and the rows that are it for one split; empty without any."""
    labels = {row.row_id: row.label for row in printed.rows}
    named = [labels[printed.reference_row]] if printed.reference_row else []
    named += [f"{labels[row_id]} (split {scheme})" for scheme, row_id in printed.reference_rows.items()]
    return f" Reference row of the tests: {'; '.join(named)}." if named else ""


def table_row(printed: PrintedTable, row: Row, cells: Cells) -> list[object]:
    """Label, one cell per metric, status with the tracks behind the scores and what is missing."""
    lines = [cells.get((printed.work, printed.table_id, row.row_id, metric.name)) for metric in printed.metrics]
    status = next((line["status"] for line in lines if line), "no result yet")
    mixed = next((f"runs differ in {line['mixed']}" for line in lines if line and line["mixed"]), None)
    shown = tag("span", status, class_="status done" if status == DONE and not mixed else "status")
    notes = sorted({line["note"] for line in lines if line and line["note"]}) + ([mixed] if mixed else [])
    about = [*tracks_scored(next((line for line in lines if line), None)), *notes]
    state = join([shown, *(tag("span", words, class_="why") for words in about)])
    numbers = [number_cell(row.printed_number(m), line, m) for m, line in zip(printed.metrics, lines, strict=True)]
    return [row.label, *numbers, state]


def tracks_scored(line: Line | None) -> list[str]:
    """`30 of 31 tracks scored`, the others having no genre in scope; nothing where none is left out."""
    if line is None or not line["tracks_unlabelled"]:
        return []
    return [f"{line['tracks_test'] - line['tracks_unlabelled']:,} of {line['tracks_test']:,} tracks scored"]


def number_cell(printed: Printed, line: Line | None, metric: Metric) -> Markup:
    """The printed number, and ours below it; ours alone where the source has no such number."""
    above = number(printed.mean, printed.sd, printed.mark, printed_digits(printed.mean, metric.unit))
    shown = [] if metric.is_extra else [tag("span", above, class_="printed", title="printed")]
    if line and line["ours_mean"] is not None:
        below = number(line["ours_mean"], line["ours_sd"], line["stars"], DECIMALS[metric.unit])
        shown.append(tag("span", below, class_="ours", title="ours"))
    return join(shown)


def number(mean: float | None, sd: float | None, mark: str | None, digits: int) -> str:
    """`34.33 ± 0.48 *`; a dash where there is no number."""
    if mean is None:
        return "—"
    deviation = "" if sd is None else f" ± {sd:.{digits}f}"
    return f"{mean:.{digits}f}{deviation}" + (f" {'–' if mark == '-' else mark}" if mark else "")


def printed_digits(mean: float | None, unit: str) -> int:
    """Decimals of a printed number: percentages are printed with two, others as they stand in the file."""
    shown = len(str(mean).partition(".")[2]) if mean is not None else 0
    return max(shown, DECIMALS[unit]) if unit == "percent" else shown


def corpus_section(steps: Sequence[Line], rejects: Sequence[Line]) -> Markup:
    """What each filter took, and how many files, rows and ids were refused."""
    counts: dict[tuple[str, str, str], int] = {}
    for line in rejects:
        key = (line["dataset"], line["stage"], line["reason"])
        counts[key] = counts.get(key, 0) + 1
    shown_steps = [
        [f"{line['corpus']} {line['step_order']}. {line['step']}", line["rows_in"], line["rows_out"], line["reason"]]
        for line in sorted(steps, key=lambda line: (line["corpus"], line["step_order"]))
    ]
    return section(
        "data",
        "Data",
        tag("h3", "Corpora, step by step"),
        table(["Step", "Rows in", "Rows out", "Reason"], shown_steps)
        if steps
        else nothing("No corpus has been built."),
        tag("h3", "Refused files, rows and ids"),
        table(["Dataset", "Stage", "Reason", "Count"], [[*key, count] for key, count in sorted(counts.items())])
        if counts
        else nothing("Nothing was refused."),
    )


def runs_section(runs: Sequence[Line]) -> Markup:
    """What each setting started from and how large it is, and the library versions behind the results."""
    settings: dict[str, list[Line]] = {}
    for line in sorted(runs, key=lambda line: (line["stage"] != PRETRAIN, line["setting_id"], line["fold"] or 0)):
        name = f"{line['setting_id']}, pretraining" if line["stage"] == PRETRAIN else line["setting_id"]
        settings.setdefault(name, []).append(line)
    rows = [
        [
            name,
            len(group),
            started_from(group),
            f"{group[0]['parameters']:,}",
            listed(group, "profile"),
            listed(group, "data_kind"),
            listed(group, "tracks_train"),
            listed(group, "tracks_train_unlabelled"),
            listed(group, "tracks_test"),
            listed(group, "tracks_unlabelled"),
        ]
        for name, group in settings.items()
    ]
    header = [
        "Setting",
        "Runs",
        "Weights from",
        "Parameters",
        "Profile",
        "Data",
        "Tracks trained on",
        "Not trained on: without a genre",
        "Test tracks",
        "Not scored: without a genre",
    ]
    versions = sorted({line["versions_json"] for line in runs})
    shown = [", ".join(f"{name} {version}" for name, version in json.loads(text).items()) for text in versions]
    return section(
        "runs",
        "Runs",
        table(header, rows) if rows else nothing("No run is finished."),
        *(tag("p", f"Versions: {text}", class_="note") for text in shown),
    )


def started_from(lines: Sequence[Line]) -> str:
    """What the runs of a setting started from; a pretraining by its kind, since its id is in the table."""
    return ", ".join(sorted({"pretraining" if line["pretrained"] else str(line["init"]) for line in lines}))


def listed(lines: Sequence[Line], column: str) -> str:
    """The distinct values of a column."""
    return ", ".join(str(value) for value in sorted({line[column] for line in lines if line[column] is not None}))


def figures_section(paths: Sequence[Path]) -> Markup:
    """Pictures, inside the page."""
    shown = [
        tag(
            "figure",
            Markup(f'<img src="{data_uri(path)}" alt="{escape(caption)}">'),
            tag("figcaption", caption),
        )
        for path in paths
        for caption in [path.stem.replace("_", " ")]
    ]
    return section("figures", "Figures", *shown) if shown else Markup("")


def data_uri(path: Path) -> str:
    """A PNG as a `data:` address."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def section(name: str, title: str, *content: object) -> Markup:
    """A section with a heading."""
    return tag("section", tag("h2", title), *content, id=name)


def nothing(text: str) -> Markup:
    """A sentence where a table would be empty."""
    return tag("p", text, class_="note")
