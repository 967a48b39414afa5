"""One view per table: each row on a line, printed and reproduced numbers side by side."""

from collections.abc import Mapping

import duckdb

from warehouse.contract import ContractError, load_contract
from warehouse.sql_text import identifier, literal

# Order of the columns, as the works print them; any other metric follows by name.
METRIC_ORDER = ("accuracy", "precision", "recall", "f1", "map")
# Suffix of a view's column, and the column of report.results that it shows.
SHOWN: Mapping[str, str] = {
    "printed": "printed_mean",
    "printed_sd": "printed_sd",
    "ours": "ours_mean",
    "ours_sd": "ours_sd",
    "stars": "stars",
}
# What holds for a row whatever the metric.
COUNTS = ("tracks_test", "tracks_unlabelled")


def report_views(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Give the statements that create `report.<work>_<table_id>` for every table in report.results, with comments.

    Raises:
        ContractError: if two tables, or two metrics of one table, would share a name.
    """
    found = connection.execute(
        "SELECT work, table_id, list(DISTINCT metric), any_value(table_title) FROM report.results "
        "GROUP BY work, table_id ORDER BY ALL"
    ).fetchall()
    taken = {name.partition(".")[2] for name in load_contract() if name.startswith("report.")}
    statements = []
    for work, table_id, metrics, title in found:
        name = view_name(work, table_id)
        if not name or name.casefold() in taken:
            raise ContractError(
                f"report.results: the view of work {work!r}, table {table_id!r} would be report.{name}, "
                f"and that name is taken. Rename the table in pipelines/experiments."
            )
        taken.add(name.casefold())
        statements += _view(name, work, table_id, ordered_metrics(name, metrics), title)
    return statements


def view_name(work: str, table_id: str) -> str:
    """Name of a table's view in schema `report`."""
    return f"{work}_{table_id}" if table_id else work


def ordered_metrics(view: str, metrics: list[str]) -> list[str]:
    """Metrics in the order in which works print them.

    Raises:
        ContractError: if two would be columns of one name.
    """
    if len({metric.casefold() for metric in metrics}) < len(metrics):
        raise ContractError(
            f"report.results: metrics of report.{view} differ in case only: {', '.join(sorted(metrics))}. Rename one."
        )
    known = [metric for metric in METRIC_ORDER if metric in metrics]
    return known + sorted(set(metrics) - set(known))


def _view(name: str, work: str, table_id: str, metrics: list[str], title: str) -> list[str]:
    shown = {
        f"{metric}_{suffix}": f"max({column}) FILTER (WHERE metric = {literal(metric)})"
        for metric in metrics
        for suffix, column in SHOWN.items()
    }
    cells = ", ".join(f"{value} AS {identifier(column)}" for column, value in shown.items())
    counts = ", ".join(f"max({column}) AS {column}" for column in COUNTS)
    view = f"report.{identifier(name)}"
    select = (
        f"SELECT row_id, any_value(row_label) AS row_label, {cells}, "
        f"{joined('status')} AS status, {NOTE} AS note, {counts} FROM report.results "
        f"WHERE work = {literal(work)} AND table_id = {literal(table_id)} "
        f"GROUP BY row_id ORDER BY min(row_order), row_id"
    )
    about = literal(f"{title}: printed numbers beside ours, one line per row.")
    comments = _column_comments(view, metrics)
    return [f"CREATE VIEW {view} AS {select}", f"COMMENT ON VIEW {view} IS {about}", *comments]


def joined(column: str) -> str:
    """Select the distinct texts of a row's metrics."""
    return f"string_agg(DISTINCT {column}, '; ' ORDER BY {column})"


NOTE = f"nullif(concat_ws('; ', {joined('note')}, 'runs differ in ' || any_value(mixed)), '')"


def _column_comments(view: str, metrics: list[str]) -> list[str]:
    meaning = {column.name: column.meaning for column in load_contract()["report.results"].columns}
    texts = {name: meaning[name] for name in ("row_id", "row_label")}
    texts |= {name: f"{meaning[name]} Those of the row's metrics, joined." for name in ("status", "note")}
    texts["note"] += " Also what the runs behind the row differ in."
    texts |= {name: meaning[name] for name in COUNTS}
    for metric in metrics:
        texts |= {f"{metric}_{suffix}": f"{metric}: {meaning[column]}" for suffix, column in SHOWN.items()}
    return [f"COMMENT ON COLUMN {view}.{identifier(column)} IS {literal(text)}" for column, text in texts.items()]
