"""The generated blocks: works, jobs, variables, targets of make, datasets, and the disk that features take."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from pipelines.datasets.cards import DATASETS, load_card
from pipelines.definitions import job_descriptions
from pipelines.docs.disk import feature_sizes
from pipelines.experiments import Plan, PrintedTable, Row, load_plan
from pipelines.experiments.works import Work, load_works
from warehouse.render import as_markdown
from warehouse.variables import VARIABLES

MAKEFILE = Path(__file__).parents[2] / "Makefile"
TARGET = re.compile(r"^([a-z]+):.*## (.*)$", re.MULTILINE)
GIGA = 1e9


def works_block() -> str:
    """Each work, and how many rows of its tables can be trained here."""
    plan = load_plan("paper")
    header = ("work", "", "rows", "with a model", "quoted from others", "rows of ours")
    return as_markdown(header, (_work_line(plan, work) for work in load_works().values()))


def jobs_block() -> str:
    """Each job of the code location in the words that the web UI shows."""
    return as_markdown(
        ("job", "what it makes"), ((_code(name), _escaped(text)) for name, text in job_descriptions().items())
    )


def variables_block() -> str:
    """Each environment variable in the words of its one declaration."""
    return as_markdown(("variable", "meaning"), ((_code(name), _escaped(text)) for name, text in VARIABLES.items()))


def make_block() -> str:
    """Each target of make in the words of `make help`."""
    targets = TARGET.findall(MAKEFILE.read_text(encoding="utf-8"))
    return as_markdown(("command", "what it does"), ((_code(f"make {name}"), _escaped(text)) for name, text in targets))


def datasets_block() -> str:
    """Each dataset, where it comes from and what may be done with it."""
    lines = (
        (f"[{about.name}]({about.url})", ", ".join(map(_code, about.variables)), _escaped(about.licence))
        for about in map(load_card, DATASETS)
    )
    return as_markdown(("dataset", "variables", "licence"), lines)


def disk_block() -> str:
    """Size of the features at full size, by arithmetic."""
    lines = (
        (
            _code(size.feature),
            size.made_of,
            f"{size.tracks:,}",
            f"{size.track_bytes / 1000:,.0f} kB",
            _gigabytes(size.bytes),
        )
        for size in feature_sizes()
    )
    return as_markdown(("feature", "of", "tracks", "of one track", "of all"), lines)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "works": works_block,
    "jobs": jobs_block,
    "variables": variables_block,
    "make": make_block,
    "datasets": datasets_block,
    "disk": disk_block,
}


def _work_line(plan: Plan, work: Work) -> Sequence[str]:
    tables = [table for table in plan.tables if table.work == work.name]
    rows = _rows(table for table in tables if not table.is_extra)
    extra = _rows(table for table in tables if table.is_extra)
    quoted = sum(row.quoted is not None for _, row in rows)
    modelled = sum(plan.setting(table, row) is not None for table, row in rows)
    about = f"{work.authors}: *{work.title}*. {work.published[0].upper()}{work.published[1:]}, {work.year}."
    return _code(work.name), about, *map(str, (len(rows), modelled, quoted, len(extra)))


def _rows(tables: Iterable[PrintedTable]) -> list[tuple[PrintedTable, Row]]:
    return [(table, row) for table in tables for row in table.rows]


def _gigabytes(size: int) -> str:
    return f"{size / GIGA:,.0f} GB"


def _code(text: str) -> str:
    return f"`{text}`"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, in a cell of a table."""
    return text.replace("<", "&lt;").replace("*", "\\*")
