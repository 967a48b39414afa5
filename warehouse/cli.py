"""Command line of the warehouse: query, list, describe and check the tables of a store."""

import argparse
import difflib
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from warehouse.catalogue import RESULTS, connect
from warehouse.contract import ContractError, load_contract, nearest
from warehouse.dictionary import data_dictionary
from warehouse.printed import console_on, for_people, printed_table
from warehouse.render import as_csv, as_json, as_text
from warehouse.shards.writer import ShardError
from warehouse.sql_text import identifier
from warehouse.store import Store, StoreError, replacing
from warehouse.tables import check_shards, check_store
from warehouse.variables import mistyped

DEFAULT_STORE = "warehouse/store"
ROWS_ON_A_TERMINAL = 500
ROWS_AT_ONCE = 10_000
WRONG, REFUSED = 1, 2  # exit codes: the store violates its contract; the command could not be carried out
SQL_HELP = (
    "run a query in DuckDB's SQL on the tables of the store; text rounds the numbers of a column alike, --csv and "
    "--json keep every digit"
)
DESCRIPTION = """\
Ask the warehouse: every track, corpus, run and printed number of a store, as SQL tables.

  python -m warehouse tables
  python -m warehouse describe report.results
  python -m warehouse show jiang2024_table_6_9
  python -m warehouse sql "FROM report.jiang2024_table_6_9"
  python -m warehouse sql "SELECT reason, count(*) FROM core.rejects GROUP BY ALL" --csv
"""
EPILOG = """\
The store is the folder that MGC_STORE names, else warehouse/store below the current folder; --store overrides both.
Exit code: 0 when all is well, 1 when `check` or `tables` found what violates its contract, 2 when the command could
not be carried out.
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code."""
    options = _parser().parse_args(arguments)
    try:
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        code = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, a pager) has seen enough. What is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (ContractError, ShardError, StoreError, duckdb.Error, OSError) as error:
        print(_message(error), file=sys.stderr)
        return REFUSED
    return code


def _message(error: Exception) -> str:
    """What to say of an error; that of a table that cannot be used comes through DuckDB, which puts its kind first."""
    return str(error).removeprefix("Invalid Input Error: ")


def _parser() -> argparse.ArgumentParser:
    layout = partial(argparse.RawDescriptionHelpFormatter, max_help_position=30)
    parser = argparse.ArgumentParser(
        "python -m warehouse", description=DESCRIPTION, epilog=EPILOG, formatter_class=layout
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Any, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", parents=parents)
        added.set_defaults(run=run)
        return added

    store, form = _store_option(), _form_options()
    sql = command("sql", _sql, SQL_HELP, store, form)
    sql.add_argument("query", help='for example "FROM corpus.steps", which shows every column of that table')
    show = command("show", _show, "print one table of a work, its printed numbers beside ours", store)
    show.add_argument("table", help="for example jiang2024_table_6_9; an unknown name lists all")
    limit = f"print at most N rows; 0 prints all (default: all, but {ROWS_ON_A_TERMINAL} on a terminal)"
    sql.add_argument("--limit", metavar="N", type=_row_count, help=limit)
    command("tables", _tables, "list every table and report view, with its rows and what it is", store, form)
    describe = command("describe", _describe, "explain the columns of one table: type, unit, meaning, key", store, form)
    describe.add_argument("table", help="for example core.tracks")
    check = command("check", _check, "compare every table with its contract; exit code 1 if one violates it", store)
    check.add_argument("--shards", action="store_true", help="also read every feature shard and compare its SHA-256")
    dictionary = command("dictionary", _dictionary, "print the data dictionary of all tables, as Markdown")
    dictionary.add_argument("--output", metavar="FILE", type=Path, help="write it to FILE instead")
    return parser


def _store_option() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    text = "folder of the store (default: MGC_STORE, else warehouse/store)"
    parent.add_argument("--store", metavar="DIR", type=Path, help=text)
    return parent


def _form_options() -> argparse.ArgumentParser:
    parent = argparse.ArgumentParser(add_help=False)
    forms = parent.add_mutually_exclusive_group()
    for form, text in (("csv", "print CSV; NULL is an empty field"), ("json", "print an array of one object per row")):
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=text)
    return parent


def _row_count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows")
    return int(text)


def _store(options: argparse.Namespace) -> Store:
    """Give the store that was asked for.

    Raises:
        StoreError: if nothing was ever written to it, or the name of a variable is mistyped.
    """
    if message := mistyped(os.environ):
        raise StoreError(message)
    root = Path(options.store or os.environ.get("MGC_STORE") or DEFAULT_STORE).expanduser().absolute()
    if not any(root.glob("tables/*/*/[!.]*.parquet")):
        raise StoreError(
            f"No tables in {root}. Run `make repro` (or `dagster job execute -j full_repro`) to fill it, "
            f"or name another store with --store or MGC_STORE."
        )
    return Store(root)


def _sql(options: argparse.Namespace) -> int:
    with connect(_store(options), options.query) as connection:
        try:
            result = connection.execute(options.query)
        except duckdb.CatalogException as error:
            raise ContractError(f"{error}{_hint(connection, str(error))}") from error
        if result is None:
            raise ContractError('The query is empty. Try: python -m warehouse sql "FROM report.results"')
        on_terminal = options.form is None and sys.stdout.isatty()
        limit = options.limit if options.limit is not None else ROWS_ON_A_TERMINAL * on_terminal
        columns = [column[0] for column in result.description or []]
        _write(options.form, columns, _limited(_fetched(result), limit))
    return 0


def _show(options: argparse.Namespace) -> int:
    with connect(_store(options), RESULTS) as connection:
        table = printed_table(connection, options.table)
    console = console_on(sys.stdout)
    console.print(for_people(table, console))
    return 0


def _hint(connection: duckdb.DuckDBPyConnection, message: str) -> str:
    """Offer the tables whose names come nearest; DuckDB itself offers one, however far from what was asked."""
    missing = re.search(r"Table with name (\S+) does not exist", message)
    if not missing:
        return ""
    connection.execute(f"FROM {RESULTS} LIMIT 1").fetchall()  # fails with the reason why there are no report views
    names = {name.partition(".")[2]: name for name, *_ in _listing(connection)}
    close = difflib.get_close_matches(missing.group(1), names, n=3)
    offered = f"Nearest: {', '.join(names[name] for name in close)}. " if close else ""
    return f"\n{offered}`python -m warehouse tables` lists all."


def _fetched(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := result.fetchmany(ROWS_AT_ONCE):
        yield from rows


def _limited(rows: Iterator[tuple[Any, ...]], limit: int) -> Iterator[tuple[Any, ...]]:
    for number, row in enumerate(rows):
        if limit and number == limit:
            print(f"Stopped after {limit} rows; there are more (--limit 0 prints all).", file=sys.stderr)
            return
        yield row


def _write(form: str | None, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, fold_last: bool = False) -> None:
    if form:
        lines = {"csv": as_csv, "json": as_json}[form](columns, rows)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        lines = as_text(columns, rows, width, fold_last=fold_last)
    for line in lines:
        print(line)


def _listing(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, bool]]:
    """Give (name, comment, written) of every table and view, those of the contract first, in the order of the data."""
    found = connection.execute(
        "SELECT schema_name || '.' || view_name, comment, true FROM duckdb_views() WHERE NOT internal "
        "UNION ALL SELECT schema_name || '.' || table_name, comment, false FROM duckdb_tables() WHERE NOT internal"
    ).fetchall()
    order = {name: place for place, name in enumerate(load_contract())}
    return sorted(found, key=lambda entry: (order.get(entry[0], len(order)), entry[0]))


def _tables(options: argparse.Namespace) -> int:
    contract = load_contract()
    with connect(_store(options)) as connection:
        rows = []
        for name, comment, written in _listing(connection):
            text = contract[name].description if name in contract else comment
            schema, _, table = name.partition(".")
            try:
                count = connection.execute(f"SELECT count(*) FROM {schema}.{identifier(table)}").fetchall()[0][0]
            except duckdb.InvalidInputException as error:
                count, text = None, _message(error)
            rows.append((name, count, text if written else f"Not written yet. {text}"))
    _write(options.form, ["table", "rows", "what it is"], rows, fold_last=True)
    return WRONG if any(count is None for _, count, _ in rows) else 0


def _describe(options: argparse.Namespace) -> int:
    table = load_contract().get(options.table)
    if table is None:
        return _describe_view(options)
    if options.form:
        rows = [(c.name, c.type, c.name in table.nullable, c.unit, c.meaning, c.source) for c in table.columns]
        _write(options.form, ["column", "type", "nullable", "unit", "meaning", "source"], rows)
        return 0
    print(f"{table.name}: {table.about}\n")
    lines = [(c.name, c.type, "yes" if c.name in table.nullable else "no", c.about) for c in table.columns]
    _write(None, ["column", "type", "null", "meaning"], lines, fold_last=True)
    return 0


def _describe_view(options: argparse.Namespace) -> int:
    """Describe a report view, which follows from the results and so is not in the contract."""
    with connect(_store(options)) as connection:
        comments = {name: comment for name, comment, _ in _listing(connection)}
        if options.table not in comments:
            raise ContractError(f"No table {options.table!r}. {nearest(options.table, comments)}")
        rows = connection.execute(
            "SELECT column_name, data_type, comment FROM duckdb_columns() "
            "WHERE schema_name || '.' || table_name = ? ORDER BY column_index",
            [options.table],
        ).fetchall()
    if not options.form:
        print(f"{options.table}: {comments[options.table]}\n")
    _write(options.form, ["column", "type", "meaning"], rows, fold_last=True)
    return 0


def _check(options: argparse.Namespace) -> int:
    store = _store(options)
    violations = check_store(store) + (check_shards(store) if options.shards else [])
    for violation in violations:
        print(violation)
    if violations:
        print(f"{len(violations)} violation(s) in {store.root}.", file=sys.stderr)
        return WRONG
    print(f"All {len(load_contract())} tables of {store.root} follow their contracts.")
    return 0


def _dictionary(options: argparse.Namespace) -> int:
    page = data_dictionary(load_contract())
    if options.output is None:
        print(page, end="")
        return 0
    with replacing(options.output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    print(f"Wrote {options.output}.")
    return 0
