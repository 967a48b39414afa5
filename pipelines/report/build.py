"""Puts the report together: one HTML page with everything inside, for a browser of any size and no network."""

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.experiments.plan import Plan
from pipelines.incremental import Step, make_file
from pipelines.report import content
from pipelines.report.choices import choice_rows
from pipelines.results.importance import left_out
from warehouse.contract import CONTRACTS
from warehouse.store import Store, file_sha256, replacing
from warehouse.tables import read_table, table_hash

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"
PAGE = Step("report page", 1, files=(*sorted(FOLDER.glob("*.py")), *sorted(TEMPLATES.iterdir())), libraries=("jinja2",))
CATALOGUE = Step("catalogue", 2, files=tuple(sorted(CONTRACTS.glob("*.toml"))), libraries=("duckdb",))
READ = (
    "report.results",
    "corpus.steps",
    "core.rejects",
    "run.runs",
    "report.modality_importance",
    "report.bootstrap",
    "genre.coarse",
)
Rows = Sequence[Mapping[str, Any]]


def write_report(store: Store, plan: Plan, data_kind: str, lacking: Sequence[str] = ()) -> bool:
    """Write `<store>/report.html` unless it is current; returns whether it was written.

    Args:
        store: Where the tables and figures lie.
        plan: Titles, order and printed numbers.
        data_kind: `sample` or `real`; sample results are marked at the top.
        lacking: Sentences of `pipelines.weights.missing_weights`, said at the top.
    """
    figures = sorted(store.figures.glob("[!.]*.png"))
    shown = {path.stem.replace("_", " "): file_sha256(path) for path in figures}
    inputs = PAGE.inputs(repr(plan), data_kind, {name: table_hash(store, name) for name in READ}, shown, list(lacking))
    return make_file(store, store.report, inputs, partial(_write, store, plan, data_kind, figures, lacking))


def _write(store: Store, plan: Plan, data_kind: str, figures: Sequence[Path], lacking: Sequence[str]) -> None:
    tables = {name: read_table(store, name).to_pylist() for name in READ}
    with replacing(store.report) as temporary:
        temporary.write_text(page(plan, data_kind, tables, figures, lacking), encoding="utf-8")


def page(
    plan: Plan, data_kind: str, tables: Mapping[str, Rows], figures: Sequence[Path], lacking: Sequence[str] = ()
) -> str:
    """The whole page as HTML.

    Args:
        plan: As for `write_report`.
        data_kind: As for `write_report`.
        tables: The rows of every table of `READ`.
        figures: PNG files, which become a part of the page.
        lacking: As for `write_report`.
    """
    results, steps, rejects, runs, importance, intervals, coarse = (tables[name] for name in READ)
    # Values are escaped; a name that a template asks for and that is not given is an error.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html.j2").render(
        data_kind=data_kind,
        profile=plan.profile,
        lacking=lacking,
        choices=choice_rows(plan),
        works=content.result_tables(plan, results),
        importance=content.importance_rows(importance),
        left_out=left_out(importance, coarse),
        intervals=content.intervals_table(intervals),
        steps=content.step_rows(steps),
        refused=content.refused_rows(rejects),
        runs=content.run_rows(runs),
        versions=content.library_versions(runs),
        figures={path.stem.replace("_", " "): data_uri(path) for path in figures},
    )


def data_uri(path: Path) -> str:
    """A PNG as a `data:` address."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
