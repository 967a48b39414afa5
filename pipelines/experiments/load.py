"""Reads experiment files: TOML in, checked dataclasses out. Every complaint names the file, the row and the key."""

from dataclasses import replace
from pathlib import Path

from pipelines.experiments.schema import Base, PlanError, PrintedTable
from warehouse.parsing import read

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


def read_base(path: Path, root: Path = EXPERIMENTS) -> Base:
    """Read a base file.

    Raises:
        PlanError: if it is not as `Base` says.
    """
    where, name = path.relative_to(root).as_posix(), f"{path.parent.parent.name}_{path.stem}"
    return read(path, Base, PlanError, where=where, name=name, path=where)


def read_table(path: Path, root: Path = EXPERIMENTS) -> PrintedTable:
    """Read the file of one printed table.

    Raises:
        PlanError: if it is not as `PrintedTable` says.
    """
    where = path.relative_to(root).as_posix()
    table = read(path, PrintedTable, PlanError, where=where, path=where)
    if table.work != path.parent.name:
        raise PlanError(f"{where}: work: expected {path.parent.name!r}, the folder's name, found {table.work!r}.")
    return replace(table, rows=tuple(replace(row, datasets=row.datasets or table.datasets) for row in table.rows))
