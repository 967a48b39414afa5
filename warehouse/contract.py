"""The table contracts of `contracts/*.toml`, read once and checked: columns, types, units, meaning and keys."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

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
COLUMN_KEYS = {"type": str, "meaning": str, "unit": str, "source": str}
TABLE_KEYS = {
    "description": str,
    "row": str,
    "key": list,
    "columns": list,
    "nullable": list,
    "part": str,
    "large": bool,
    "volatile": bool,
    "job": str,
}
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


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
    type: str
    meaning: str
    unit: str = ""
    source: str = ""

    @property
    def about(self) -> str:
        """Meaning, unit and source in sentences."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        source = f" Source: {self.source}." if self.source else ""
        return self.meaning + unit + source


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: `schema.table`.
        description: What the table is.
        row: What one row is.
        columns: Its columns, in order.
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
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    nullable: frozenset[str] = frozenset()
    part: str = ""
    large: bool = False
    volatile: bool = False
    job: str = "full_repro"

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, in order."""
        return [column.name for column in self.columns]

    @property
    def about(self) -> str:
        """Description, row and key in sentences."""
        key = f" Key: {', '.join(self.key)}." if self.key else ""
        return f"{self.description} One row: {self.row}.{key}"


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
    columns = {
        name: _column(folder / "columns.toml", name, entry) for name, entry in _parse(folder / "columns.toml").items()
    }
    extra = {path.stem for path in folder.glob("*.toml")} - {"columns", *SCHEMAS}
    if extra:
        raise ContractError(f"{folder}: no such schema: {', '.join(sorted(extra))}; expected {', '.join(SCHEMAS)}.")
    return {
        f"{schema}.{name}": _table(folder / f"{schema}.toml", f"{schema}.{name}", entry, columns)
        for schema in SCHEMAS
        for name, entry in _parse(folder / f"{schema}.toml").items()
    }


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


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ContractError(f"{path} is missing.") from error
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{path} is not TOML: {error}") from error


def _check_keys(where: str, name: str, entry: Any, allowed: Mapping[str, type], required: Iterable[str]) -> None:
    if not IDENTIFIER.fullmatch(name):
        raise ContractError(f"{where}: the name must be lower-case letters, digits and underscores.")
    if not isinstance(entry, dict):
        raise ContractError(f"{where}: expected a table [{name}], found {entry!r}.")
    for key, value in entry.items():
        if key not in allowed:
            raise ContractError(f"{where}: unknown key {key!r}. {nearest(key, allowed)}")
        if not isinstance(value, allowed[key]):
            raise ContractError(f"{where}: {key} must be a {allowed[key].__name__}, found {value!r}.")
    missing = [key for key in required if not entry.get(key)]
    if missing:
        raise ContractError(f"{where}: {', '.join(missing)} must be given.")


def _column(path: Path, name: str, entry: Any) -> Column:
    where = f"{path}: column {name}"
    _check_keys(where, name, entry, COLUMN_KEYS, ("type", "meaning"))
    if entry["type"] not in ARROW_TYPES:
        raise ContractError(f"{where}: unknown type {entry['type']!r}; expected one of {', '.join(ARROW_TYPES)}.")
    return Column(name=name, **entry)


def _table(path: Path, name: str, entry: Any, columns: Mapping[str, Column]) -> Table:
    where = f"{path}: table {name}"
    _check_keys(where, name.partition(".")[2], entry, TABLE_KEYS, ("description", "row", "columns"))
    for column in entry["columns"]:
        if column not in columns:
            raise ContractError(
                f"{where}: unknown column {column!r}; declare it in columns.toml. {nearest(str(column), columns)}"
            )
    if len(set(entry["columns"])) < len(entry["columns"]):
        raise ContractError(f"{where}: a column is listed twice: {', '.join(entry['columns'])}.")
    for role in ("key", "nullable"):
        unlisted = [column for column in entry.get(role, []) if column not in entry["columns"]]
        if unlisted:
            raise ContractError(f"{where}: {role} names {', '.join(unlisted)}, which is not among its columns.")
    both = set(entry.get("key", [])) & set(entry.get("nullable", []))
    if both:
        raise ContractError(f"{where}: key columns cannot be nullable: {', '.join(sorted(both))}.")
    return Table(
        **{
            **entry,
            "name": name,
            "columns": tuple(columns[column] for column in entry["columns"]),
            "key": tuple(entry.get("key", [])),
            "nullable": frozenset(entry.get("nullable", [])),
        }
    )
