"""The last screen of a job: the main table, what is done and what not and why, and where to look further."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from pipelines.experiments import Plan
from pipelines.experiments.status import DONE, NOT_RUN
from warehouse.catalogue import connect
from warehouse.printed import for_people, printed_table
from warehouse.store import Store
from warehouse.tables import table_files

MAIN_TABLE = "jiang2024_table_6_9"
# The table that a job of one work ends with; every other job ends with MAIN_TABLE.
TABLES = {
    "ru2023": "ru2023_objective",
    "nandy2021": "nandy2021_table_1",
    "wongchemelli2023": "wongchemelli2023",
    "jiang2024_extra": "jiang2024_extra",
    "ru2023_extra": "ru2023_on_m4a",
    "nandy2021_extra": "nandy2021_shipped_split",
    "wongchemelli2023_extra": "wongchemelli2023_multilabel",
    "planted": "ru2023_planted",
}
QUOTED = re.compile(rf"{NOT_RUN}the source quotes .*")
UNFINISHED = re.compile(rf"{NOT_RUN}\d+ of \d+ runs are finished.*", re.DOTALL)
UI = "make ui (or: dagster dev), then http://127.0.0.1:3000"


def last_screen(console: Console, store: Store, plan: Plan, job: str) -> None:
    """Print it.

    Args:
        console: Where.
        store: Holds the results.
        plan: Of the job.
        job: Its name.
    """
    console.print()
    if table_files(store, "report.results"):
        with connect(store, "report.results") as connection:
            console.print(for_people(printed_table(connection, TABLES.get(job, MAIN_TABLE)), console))
            rows = connection.execute(
                "SELECT work, table_id, string_agg(DISTINCT status, '; ' ORDER BY status) FROM report.results "
                "GROUP BY work, table_id, row_id"
            ).fetchall()
        console.print()
        for line in counts(rows, plan):
            console.print(Text(line))
        console.print()
    if store.report.exists():
        console.print(Text(f"Report       {store.report}"), soft_wrap=True)
        console.print(Text("One table    python -m warehouse show NAME (no such NAME: lists them)"))
    console.print(Text(f"Web UI       {UI}"))


def counts(rows: Sequence[tuple[str, str, str]], plan: Plan) -> list[str]:
    """Count the rows that are done, and those that are not by reason, most frequent first.

    Args:
        rows: Work, table and status of each row.
        plan: Tells which rows are of ours, and so in another job.
    """
    extra = {(table.work, table.table_id) for table in plan.tables if table.is_extra}
    done = sum(status == DONE for *_, status in rows)
    reasons = Counter(
        _reason(work, (work, table_id) in extra, status) for work, table_id, status in rows if status != DONE
    )
    return [f"{done} of {len(rows)} rows done", *(f"{count:>4} {reason}" for reason, count in reasons.most_common())]


def _reason(work: str, is_extra: bool, status: str) -> Any:
    if QUOTED.fullmatch(status):
        return "quoted by the source"
    if UNFINISHED.fullmatch(status):
        job = f"{work}_extra" if is_extra else work
        return f"in job {job}: dagster job execute -j {job}"
    return status.removeprefix(NOT_RUN)
