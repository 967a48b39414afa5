"""The data dictionary: the table contracts as a Markdown page."""

from collections.abc import Mapping

from warehouse.contract import Table

HEAD = """# Data dictionary

Every table of the warehouse, made from `warehouse/contracts/*.toml` by
`python -m warehouse dictionary --output docs/data_dictionary.md`; do not edit it by hand.
The same texts are the comments of the SQL tables: `python -m warehouse describe core.tracks`.
"""


def data_dictionary(contract: Mapping[str, Table]) -> str:
    """Give the page: one section per table, one line per column."""
    return "\n".join([HEAD, *(_section(table) for table in contract.values())])


def _section(table: Table) -> str:
    facts = [f"One row: {table.row}.", f"Key: {', '.join(f'`{name}`' for name in table.key) or 'none'}."]
    facts += [f"One Parquet file per {table.part}."] if table.part else []
    facts += ["Large: a view in the catalogue file, never copied into it."] if table.large else []
    facts += ["May differ between two equal runs."] if table.volatile else []
    lines = [
        f"## {table.name}\n\n{table.description}\n\n{' '.join(facts)}\n",
        "| column | type | unit | null | meaning | in the source files |",
        "|---|---|---|---|---|---|",
    ]
    for column in table.columns:
        null = "yes" if column.name in table.nullable else ""
        cells = [f"`{column.name}`", f"`{column.type}`", column.unit, null, column.meaning, column.source]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"
