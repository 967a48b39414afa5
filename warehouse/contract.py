"""The table contracts of `contracts/*.toml`, read once and checked: columns, types, units, meaning and keys."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated

import pyarrow as pa

from warehouse.parsing import Pattern, SpecError, read
from warehouse.store import FORMAT_VERSION

CONTRACTS = Path(__file__).parent / "contracts"
SCHEMAS = ("core", "corpus", "genre", "feature", "run", "report")
# large_string: 64-bit offsets, so that the lyrics of a million tracks fit one array.
ARROW_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.large_string(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "list<string>": pa.list_(pa.field("element", pa.large_string(), nullable=False)),
    "list<float32>": pa.list_(pa.field("element", pa.float32(), nullable=False)),
    "binary": pa.large_binary(),
    "timestamp": pa.timestamp("us"),  # UTC by contract; without a zone every reader shows the same digits
}
Identifier = Annotated[str, Pattern("[a-z][a-z0-9_]*", "lower-case letters, digits and underscores")]


class ContractError(ValueError):
    """A table or contract that is not as declared; the message names it, expected, found and the mend."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Column name.
        type: One of `ARROW_TYPES`.
        meaning: What a value says.
        unit: Unit of the values; empty where there is none.
        source: Column in the files as downloaded; empty where we compute it.
    """

    name: str
    type: Annotated[str, Pattern("|".join(ARROW_TYPES), f"one of {', '.join(ARROW_TYPES)}")]
    meaning: str
    unit: str = ""
    source: str = ""

    @property
    def about(self) -> str:
        """Meaning, unit and source in sentences."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        source = f" Source: {self.source}." if self.source else ""
        return self.meaning + unit + source


@dataclass(frozen=True, kw_only=True)
class TableEntry:
    """One table as the file of its schema describes it; its columns are described in `columns.toml`.

    Attributes:
        name: Its name, without the schema.
        description: What the table is.
        row: What one row is.
        column_names: Names of its columns, in order.
        key: Names of the columns that identify a row; empty where rows may repeat.
        nullable: Names of the columns that may be null.
        part: What each Parquet file of the table holds; empty where there is one file.
        large: Never copied into the catalogue file, which then holds a view.
        volatile: May differ between two equal runs.
        job: The job that writes it.
    """

    name: str
    description: str
    row: str
    column_names: tuple[str, ...] = field(metadata={"key": "columns"})
    key: tuple[str, ...] = ()
    nullable: tuple[str, ...] = ()
    part: str = ""
    large: bool = False
    volatile: bool = False
    job: str = "full_repro"

    def __post_init__(self) -> None:
        """Check that columns are listed once, and that those of the key are among them and never null."""
        for name in self.column_names:
            if self.column_names.count(name) > 1:
                raise SpecError("columns", "each column once", name)
        for role in ("key", "nullable"):
            for name in getattr(self, role):
                if name not in self.column_names:
                    raise SpecError(role, f"some of its columns {', '.join(self.column_names)}", name)
        for name in self.key:
            if name in self.nullable:
                raise SpecError("nullable", "no column of the key", name)

    @property
    def about(self) -> str:
        """Description, row and key in sentences."""
        key = f" Key: {', '.join(self.key)}." if self.key else ""
        return f"{self.description} One row: {self.row}.{key}"


@dataclass(frozen=True, kw_only=True)
class Table(TableEntry):
    """One table with its columns, in order; its name is `schema.table`."""

    columns: tuple[Column, ...]


@cache
def load_contract() -> dict[str, Table]:
    """Give every table by its name `schema.table`, in the order of the data.

    Raises:
        ContractError: if a contract file is not as it must be.
    """
    return read_contract(CONTRACTS)


def read_contract(folder: Path) -> dict[str, Table]:
    """Read `columns.toml` and one file per schema from `folder`.

    Raises:
        ContractError: naming file and table, for an unknown column, type or key, or a key column outside the columns.
    """
    columns = read(folder / "columns.toml", dict[Identifier, Column], ContractError)
    extra = {path.stem for path in folder.glob("*.toml")} - {"columns", *SCHEMAS}
    if extra:
        raise ContractError(f"{folder}: no such schema: {', '.join(sorted(extra))}; expected {', '.join(SCHEMAS)}.")
    return {
        f"{schema}.{table.name}": _with_columns(folder / f"{schema}.toml", f"{schema}.{table.name}", table, columns)
        for schema in SCHEMAS
        for table in read(folder / f"{schema}.toml", dict[Identifier, TableEntry], ContractError).values()
    }


def _with_columns(path: Path, name: str, table: TableEntry, columns: Mapping[str, Column]) -> Table:
    for column in table.column_names:
        if column not in columns:
            near = nearest(column, columns)
            raise ContractError(f"{path}: {name}: unknown column {column!r}; declare it in columns.toml. {near}")
    found = tuple(columns[column] for column in table.column_names)
    return Table(**vars(table) | {"name": name, "columns": found})


def find_table(name: str) -> Table:
    """Give the contract of table `name`.

    Raises:
        ContractError: if there is none; the message offers the nearest names.
    """
    contract = load_contract()
    if name not in contract:
        raise ContractError(f"No table {name!r} in the contract. {nearest(name, contract)}")
    return contract[name]


def arrow_schema(name: str) -> pa.Schema:
    """Give the Arrow schema of table `name`, with meaning, unit and source as field metadata.

    Raises:
        ContractError: if there is no such table.
    """
    table = find_table(name)
    fields = [
        pa.field(column.name, ARROW_TYPES[column.type], column.name in table.nullable, _field_metadata(column))
        for column in table.columns
    ]
    metadata = {
        "description": table.description,
        "row": table.row,
        "key": ", ".join(table.key),
        "mgc.format_version": str(FORMAT_VERSION),
    }
    return pa.schema(fields, metadata)


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of the known names come nearest to `name`, in a sentence."""
    names = sorted(known)
    by_text = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    by_last_word = [other for other in names if other.rpartition(".")[2] == name.lower().rpartition(".")[2]]
    found = list(dict.fromkeys([*by_last_word, *by_text]))
    return f"Nearest: {', '.join(found)}." if found else f"There are: {', '.join(names)}."


def _field_metadata(column: Column) -> dict[str, str]:
    entries = {"meaning": column.meaning, "unit": column.unit, "source": column.source}
    return {key: text for key, text in entries.items() if text}
