"""DuckDB as a window on the tables: in memory for queries here, as one file to carry off or open with other tools."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from warehouse.checksum import damage
from warehouse.contract import SCHEMAS, ContractError, Table, load_contract
from warehouse.report_views import report_views
from warehouse.sql_text import identifier, literal
from warehouse.store import Store, replacing
from warehouse.tables import require_schema, require_whole, table_files
from warehouse.verified import is_verified

# A version that DuckDB 1.4 and later read, the released command line included.
STORAGE_VERSION = "v1.4.0"
MOST_ROWS_INSIDE = 1_000_000  # five million songs of Genius would make the file a copy of the store
STORE_VARIABLE = "mgc_store"
RESULTS = "report.results"  # tells which report views there are
# A view cannot ask where its own file lies, but DuckDB spills to `<file opened>.tmp`, and that setting it can read.
_SPILL = "current_setting('temp_directory')"
_OPENED_AS_FILE = f"{_SPILL} LIKE '%.duckdb.tmp'"
_FOLDER_OF_FILE = rf"regexp_replace({_SPILL}, '[^/\\]*$', '')"
SQL_TYPES = {
    "string": "VARCHAR",
    "bool": "BOOLEAN",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "list<string>": "VARCHAR[]",
    "list<float32>": "FLOAT[]",
    "binary": "BLOB",
    "timestamp": "TIMESTAMP",
}


def connect(store: Store, query: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database with every table of the contract as a view, comments and the report views.

    A table that was never written is there, with its columns and no rows. One of which a part is damaged, or does not
    follow the contract, is there too, and a query that reads it fails with what is wrong and the mend; the others can
    be used. Without report.results there are no report views.

    Args:
        store: The store.
        query: What will be asked, so that only tables that it names are verified; None: anything.
    """
    connection = duckdb.connect()
    _fill(connection, store, unusable_tables(store, named_tables(query)), embed=False)
    return connection


def named_tables(query: str | None) -> set[str]:
    """Tables that a query may read: those whose names are in it, and what every query rests on; None: all."""
    if query is None:
        return set(load_contract())
    words = set(re.findall(r"\w+", query.lower()))
    return {name for name in load_contract() if name.partition(".")[2] in words} | {RESULTS}


def unusable_tables(store: Store, verified: Collection[str]) -> dict[str, str]:
    """Tables that cannot be used, and why: one message with file and mend.

    Args:
        store: The store.
        verified: Tables of which every byte is compared; of the others only the footers are read.
    """
    found = {}
    for name in load_contract():
        try:
            for path in table_files(store, name):
                if name in verified:
                    _require_whole(store, path, name)
                require_schema(path, name)
        except ContractError as error:
            found[name] = str(error)
    return found


def _require_whole(store: Store, path: Path, name: str) -> None:
    if not is_verified(store, path, "", lambda: not damage(path)):
        require_whole(path, name)


def export_catalogue(store: Store) -> Path:
    """Write `<store>/mgc.duckdb`: small tables inside, views on large ones beside it; replaced in one step.

    Large are those that the contract calls so, and every other of more than `MOST_ROWS_INSIDE` rows. The views follow
    the file wherever its store is moved to; without the store they say what is missing
    (docs/decisions/data-formats.md#catalogue).

    A reader that has the old file open keeps it.

    Raises:
        ContractError: if a part of a table is damaged or does not follow the contract.
    """
    for problem in unusable_tables(store, load_contract()).values():
        raise ContractError(problem)
    with replacing(store.catalogue) as temporary:
        with duckdb.connect() as connection:
            attach = f"ATTACH {literal(str(temporary))} AS written (STORAGE_VERSION {literal(STORAGE_VERSION)})"
            # Views are bound as they are made, and this database in memory lies in no store.
            root = literal(str(store.root.absolute()))
            _run(connection, [attach, "USE written", f"SET VARIABLE {STORE_VARIABLE} = {root}"])
            _fill(connection, store, {}, embed=True)
            _run(connection, ["USE memory", "DETACH written"])
        # Left by a session that wrote to the old file and was killed; DuckDB would apply it to the new one.
        store.catalogue.with_name(f"{store.catalogue.name}.wal").unlink(missing_ok=True)
    return store.catalogue


def _fill(connection: duckdb.DuckDBPyConnection, store: Store, unusable: Mapping[str, str], *, embed: bool) -> None:
    _run(connection, [f"CREATE SCHEMA {schema}" for schema in SCHEMAS])
    for table in load_contract().values():
        if table.name in unusable:
            _run(connection, _refusal(table, unusable[table.name]))
            continue
        files = table_files(store, table.name)
        _run(connection, _table_statements(table, files, store if embed else None, inside=embed and not table.large))
    if RESULTS not in unusable:
        _run(connection, report_views(connection))


def _run(connection: duckdb.DuckDBPyConnection, statements: Iterable[str]) -> None:
    text = ";\n".join(statements)
    if text:
        connection.execute(text).fetchall()


def _table_statements(table: Table, files: list[Path], store: Store | None, *, inside: bool) -> list[str]:
    """Give the statements that create a table or view; `store`: the views follow it, else they hold absolute paths."""
    columns = ", ".join(identifier(name) for name in table.column_names)
    select = f"SELECT {columns} FROM read_parquet([{', '.join(_file_pattern(path) for path in files)}])"
    if files and not (inside and sum(map(_rows, files)) <= MOST_ROWS_INSIDE):
        source = select if store is None else f"SELECT {columns} FROM read_parquet({_beside(store, table, files)})"
        about = table.about if store is None else f"{table.about} {_where(store, table)}"
        return [f"CREATE VIEW {table.name} AS {source}", *_comments(table, "VIEW", about)]
    types = ", ".join(
        f"{identifier(column.name)} {SQL_TYPES[column.type]}{'' if column.name in table.nullable else ' NOT NULL'}"
        for column in table.columns
    )
    fill = [f"INSERT INTO {table.name} {select}"] if files else []
    return [f"CREATE TABLE {table.name} ({types})", *fill, *_comments(table, "TABLE", table.about)]


def _refusal(table: Table, why: str) -> list[str]:
    """Give the statements that create a view with the columns of a table that fails when it is read."""
    columns = ", ".join(f"NULL::{SQL_TYPES[column.type]} AS {identifier(column.name)}" for column in table.columns)
    return [
        f"CREATE VIEW {table.name} AS SELECT {columns} WHERE error({literal(why)})",
        *_comments(table, "VIEW", table.about),
    ]


def _rows(path: Path) -> int:
    count: int = pq.read_metadata(path).num_rows
    return count


def _file_pattern(path: Path) -> str:
    """Give the absolute path as a pattern that matches this file alone, whatever characters it holds."""
    return literal(re.sub(r"([\[*?])", r"[\1]", str(path.absolute())))


def _beside(store: Store, table: Table, files: list[Path]) -> str:
    """Give SQL for the files of a table in the store: that of the variable, else that which the open file lies in."""
    variable = f"getvariable({literal(STORE_VARIABLE)})"
    missing = literal(f"{table.name} is not in this file. {_where(store, table)}")
    root = (
        f"CASE WHEN {variable} IS NOT NULL THEN {variable} || '/' WHEN {_OPENED_AS_FILE} THEN {_FOLDER_OF_FILE} "
        f"ELSE error({missing}) END"
    )
    escaped = rf"regexp_replace({root}, '([\[*?])', '[\1]', 'g')"
    return f"[{', '.join(f'{escaped} || {literal(path.relative_to(store.root).as_posix())}' for path in files)}]"


def _where(store: Store, table: Table) -> str:
    """Say in one sentence where the rows of a large table are."""
    folder = store.table(table.name).relative_to(store.root).as_posix()
    return (
        f"Its rows are in {folder} of the store: open {store.catalogue.name} inside its store, or say where that is "
        f"with SET VARIABLE {STORE_VARIABLE} = 'folder'."
    )


def _comments(table: Table, kind: str, about: str) -> list[str]:
    text = f"COMMENT ON {kind} {table.name} IS {literal(about)}"
    columns = [
        f"COMMENT ON COLUMN {table.name}.{identifier(column.name)} IS {literal(column.about)}"
        for column in table.columns
    ]
    return [text, *columns]
