"""A printed table for people: printed numbers and ours side by side, or one below the other where that is too wide."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import duckdb
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from warehouse.contract import ContractError, nearest
from warehouse.report_views import ordered_metrics, view_name

DONE = "done"
SIDES = ("printed", "ours")
MARKS = "Against the reference row, by a signed-rank test: * p < .05, ** p < .01, *** p < .001, - none of these."
WIDE = 10_000  # a pipe has no width, and nothing is to be folded for it
DIGITS = 4  # of a mean; a standard deviation gets as many decimals as its mean

Line = Mapping[str, Any]


@dataclass(frozen=True)
class PrintedTable:
    """One table of a work.

    Attributes:
        name: Of its view in schema `report`.
        title: As printed.
        metrics: In the order in which works print them.
        rows: By row_id, in the order of the table: the line of report.results of each metric.
    """

    name: str
    title: str
    metrics: Sequence[str]
    rows: Mapping[str, Mapping[str, Line]]

    @property
    def lines(self) -> list[Line]:
        """All lines of report.results behind the table."""
        return [line for row in self.rows.values() for line in row.values()]


def console_on(stream: TextIO) -> Console:
    """A console that folds lines at the width of a terminal, and not at all elsewhere."""
    return Console(file=stream, highlight=False, width=None if stream.isatty() else WIDE)


def printed_table(connection: duckdb.DuckDBPyConnection, name: str) -> PrintedTable:
    """Read one table from report.results.

    Args:
        connection: To a store.
        name: Of its view, with or without `report.`.

    Raises:
        ContractError: if there is no such table; names the nearest ones, and all.
    """
    tables = connection.execute("SELECT DISTINCT work, table_id FROM report.results ORDER BY ALL").fetchall()
    views = {view_name(work, table_id): (work, table_id) for work, table_id in tables}
    wanted = name.removeprefix("report.")
    if not views:
        raise ContractError("report.results has no rows yet. Run `make repro` (or `dagster job execute -j report`).")
    if wanted not in views:
        raise ContractError(f"No printed table {name!r}. {nearest(wanted, views)}\nThere are: {', '.join(views)}.")
    found = connection.execute(
        "SELECT * FROM report.results WHERE work = ? AND table_id = ? ORDER BY row_order, row_id", views[wanted]
    )
    columns = [column[0] for column in found.description or []]
    rows: dict[str, dict[str, Line]] = {}
    for values in found.fetchall():
        line = dict(zip(columns, values, strict=True))
        rows.setdefault(line["row_id"], {})[line["metric"]] = line
    metrics = ordered_metrics(wanted, list({line["metric"]: 0 for row in rows.values() for line in row.values()}))
    title = next(line["table_title"] for row in rows.values() for line in row.values())
    return PrintedTable(wanted, title, metrics, rows)


def for_people(table: PrintedTable, console: Console) -> RenderableType:
    """The table with its heading, to the width of a console: side by side where that fits, else ours below printed."""
    bodies = [_wide(table)] if _fits(_wide(table), console) else list(_narrow(table, console))
    samples = any(line["data_kind"] == "sample" for line in table.lines)
    heading = Text(f"{table.name}: {table.title}", "bold")
    mark = [Text("SAMPLE DATA: ours come from the planted sample corpus, and are no reproduction", "bold yellow")]
    return Group(heading, *(mark if samples else []), *bodies, Text(_note(table), "dim"), *_reasons(table))


def with_spread(mean: float | None, sd: float | None, mark: str | None = None) -> str:
    """`34.33 ± 0.48 *`; empty where there is no number."""
    if mean is None:
        return ""
    before_point = len(str(int(abs(mean)))) if abs(mean) >= 1 else 0
    decimals = max(0, DIGITS - before_point)
    spread = "" if sd is None else f" ± {sd:.{decimals}f}"
    return f"{mean:.{decimals}f}{spread}{f' {mark}' if mark else ''}"


def _note(table: PrintedTable) -> str:
    units: dict[str, list[str]] = {}
    for metric in table.metrics:
        unit = next(line["unit"] for line in table.lines if line["metric"] == metric)
        units.setdefault(unit, []).append(metric)
    shown = "; ".join(f"{', '.join(metrics)}: {unit}" for unit, metrics in units.items())
    marks = any(line["stars"] or line["printed_stars"] for line in table.lines)
    return f"mean ± sd over folds or seeds. {shown}." + (f" {MARKS}" if marks else "")


def _fits(body: Table, console: Console) -> bool:
    unbound = console.options.update(max_width=WIDE)
    return console.measure(body, options=unbound).maximum <= console.width


def _cell(line: Line | None, side: str) -> str:
    if line is None:
        return ""
    mark = line["printed_stars"] if side == "printed" else line["stars"]
    return with_spread(line[f"{side}_mean"], line[f"{side}_sd"], mark)


def _label(row: Mapping[str, Line]) -> str:
    return next(iter(row.values()))["row_label"]


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)


def _wide(table: PrintedTable) -> Table:
    body = _table()
    body.add_column("")
    shown = [(metric, side) for metric in table.metrics for side in SIDES if _any(table, [metric], side)]
    for metric, side in shown:
        body.add_column(f"{metric}\n{side}", no_wrap=True, style="dim" if side == "printed" else "")
    for row in table.rows.values():
        body.add_row(_label(row), *(_cell(row.get(metric), side) for metric, side in shown))
    return body


def _narrow(table: PrintedTable, console: Console) -> Iterator[Table]:
    """Show as many metrics beside each other as fit, and the others in tables of their own."""
    left = list(table.metrics)
    while left:
        fitting = [n for n in range(1, len(left) + 1) if _fits(_stacked(table, left[:n]), console)]
        count = max(fitting, default=1)
        yield _stacked(table, left[:count])
        left = left[count:]


def _stacked(table: PrintedTable, metrics: Sequence[str]) -> Table:
    body = _table()
    body.add_column("", max_width=24)
    body.add_column("")
    for metric in metrics:
        body.add_column(metric, no_wrap=True)
    sides = [side for side in SIDES if _any(table, metrics, side)]
    for row in table.rows.values():
        for side in sides:
            cells = [_cell(row.get(metric), side) for metric in metrics]
            label = _label(row) if side == sides[0] else ""
            if label or any(cells):
                body.add_row(label, side, *cells, style="dim" if side == "printed" else "")
    return body


def _any(table: PrintedTable, metrics: Sequence[str], side: str) -> bool:
    return any(_cell(row.get(metric), side) for row in table.rows.values() for metric in metrics)


def _reasons(table: PrintedTable) -> list[Text]:
    """Why rows are without ours, a line each."""
    found = {}
    for row in table.rows.values():
        states = list(dict.fromkeys(line["status"] for line in row.values() if line["status"] != DONE))
        if states:
            found[_label(row)] = "; ".join(states)
    return [Text(f"{label}: {state}") for label, state in found.items()]
