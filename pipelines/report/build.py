"""Puts the report together: one HTML page with everything inside, for a browser of any size and no network."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from pipelines.experiments.schema import Plan
from pipelines.incremental import Step
from pipelines.report.analyses import analyses_section
from pipelines.report.choices import choices_section
from pipelines.report.markup import Markup, join, tag
from pipelines.report.sections import corpus_section, figures_section, results_sections, runs_section, weights_notice
from pipelines.results.importance import left_out
from warehouse.contract import CONTRACTS
from warehouse.store import Store, replacing
from warehouse.tables import read_table, table_hash

FOLDER = Path(__file__).parent
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
SAMPLE_BANNER = (
    "Results on the sample corpus: small generated songs and small models. They show that the pipeline works; they say "
    "nothing about the published models."
)
INPUTS = re.compile(r'<meta name="mgc-inputs" content="([0-9a-f]*)">')


def write_report(store: Store, plan: Plan, data_kind: str, lacking: Sequence[str] = ()) -> bool:
    """Write `<store>/report.html` unless it is current; returns whether it was written.

    Args:
        store: Where the tables and figures lie.
        plan: Titles, order and printed numbers.
        data_kind: `sample` or `real`; sample results are marked at the top.
        lacking: Sentences of `pipelines.weights.missing_weights`, said at the top.
    """
    figures = sorted(store.figures.glob("[!.]*.png"))
    inputs = report_inputs(store, plan, data_kind, figures, lacking)
    if current_inputs(store.report) == inputs:
        return False
    with replacing(store.report) as temporary:
        temporary.write_text(page(store, plan, data_kind, figures, inputs, lacking), encoding="utf-8")
    return True


def report_inputs(store: Store, plan: Plan, data_kind: str, figures: list[Path], lacking: Sequence[str] = ()) -> str:
    """Hash of everything the page shows, its own code included."""
    digest = hashlib.sha256(f"{plan!r}\0{data_kind}\0{lacking!r}".encode())
    for name in READ:
        digest.update(table_hash(store, name).encode())
    for path in [*figures, *sorted(found for found in FOLDER.iterdir() if found.is_file())]:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def current_inputs(path: Path) -> str | None:
    """The inputs that a report was written from; None where there is none."""
    if not path.exists():
        return None
    found = INPUTS.search(path.read_text(encoding="utf-8", errors="replace"))
    return found[1] if found else None


def page(
    store: Store, plan: Plan, data_kind: str, figures: list[Path], inputs: str, lacking: Sequence[str] = ()
) -> str:
    """The whole page."""
    results, steps, rejects, runs, importance, intervals, coarse = (read_rows(store, name) for name in READ)
    works = list(dict.fromkeys(table.work for table in plan.tables))
    links = [tag("a", name, href=f"#{name}") for name in [*works, "choices", "analyses", "data", "runs", "figures"]]
    analyses = analyses_section(importance, left_out(importance, coarse), intervals)
    sections = [
        results_sections(plan, results),
        choices_section(plan),
        analyses,
        corpus_section(steps, rejects),
        runs_section(runs),
    ]
    banner = tag("p", SAMPLE_BANNER, class_="banner", role="note") if data_kind == "sample" else Markup("")
    return Template((FOLDER / "page.html").read_text(encoding="utf-8")).substitute(
        inputs=inputs,
        style=(FOLDER / "style.css").read_text(encoding="utf-8"),
        banner=join([banner, weights_notice(lacking)]),
        contents=tag("nav", *links, aria_label="Contents"),
        sections="\n".join([*sections, figures_section(figures)]),
    )


def read_rows(store: Store, name: str) -> list[dict[str, Any]]:
    """Rows of a table as mappings."""
    rows: list[dict[str, Any]] = read_table(store, name).to_pylist()
    return rows
