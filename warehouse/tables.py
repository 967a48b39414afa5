"""Read and write the Parquet parts of a table, held to its contract; equal rows give equal bytes.

A part carries a checksum of itself (`warehouse.checksum`). One whose bytes are others is never read: its table cannot
be used until the step that writes it has made it again, which finds no inputs stored in it.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.checksum import ERRORS_OF_A_BROKEN_FILE, carries_checksum, damage, write_parquet
from warehouse.contract import ContractError, Table, arrow_schema, find_table, load_contract
from warehouse.shards.writer import ShardError, verify_shard
from warehouse.store import Store, file_sha256, replacing

INPUTS = "mgc.inputs"
PART_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
ROW_GROUP = 65536


def write_table(store: Store, name: str, frame: Any, *, part: str = "all", inputs: str = "") -> Path:
    """Write one part of table `name`, sorted by key, and put it in place in one step.

    Args:
        store: Where to.
        name: `schema.table`.
        frame: Anything with the Arrow C stream (polars, pyarrow); exactly the contract's columns, in any order.
        part: Name of the Parquet file, for tables written in several parts.
        inputs: What the rows were computed from (a hash); see `stored_inputs`.

    Raises:
        ContractError: naming table and column for a missing or extra column, a type that does not fit without loss,
            a null or NaN where none may be, or two rows with one key.
    """
    table = find_table(name)
    if not PART_NAME.fullmatch(part):
        raise ContractError(f"{name}: part {part!r} cannot be a file name; use letters, digits, '_', '-' and '.'.")
    rows = _sorted(_conform(table, pa.table(frame)), table)
    duplicate = _duplicate_key(rows, table)
    if duplicate:
        raise ContractError(f"{name}, part {part}: {duplicate}")
    metadata = {**(rows.schema.metadata or {}), INPUTS.encode(): inputs.encode()}
    path = store.table(name) / f"{part}.parquet"
    with replacing(path) as temporary:
        write_parquet(
            rows.replace_schema_metadata(metadata),
            temporary,
            row_group_size=ROW_GROUP,
            compression="zstd",
            compression_level=3,
            version="2.6",
            data_page_version="1.0",
        )
    return path


def read_table(store: Store, name: str, where: Mapping[str, str] | None = None) -> pa.Table:
    """Read all parts of table `name`; no rows where nothing was written.

    Args:
        store: Where from.
        name: `schema.table`.
        where: Column -> value that rows must have; parts and row groups without such rows are not read.

    Raises:
        ContractError: if a part is damaged or is not as the contract says.
    """
    schema = arrow_schema(name)
    parts = [_read_part(path, name, schema, where) for path in table_files(store, name)]
    return pa.concat_tables(parts) if parts else schema.empty_table()


def table_files(store: Store, name: str) -> list[Path]:
    """Give the Parquet parts of table `name`, sorted by name.

    Raises:
        ContractError: if there is no such table.
    """
    find_table(name)
    return sorted(store.table(name).glob("[!.]*.parquet"))


def whole_part(store: Store, name: str, part: str = "all") -> Path:
    """Give the place of one part of table `name`, to be read by other means than `read_table`.

    Raises:
        FileNotFoundError: if the part was never written; the message names the job that writes it.
        ContractError: if it is damaged.
    """
    path = store.table(name) / f"{part}.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{name} has no part {part} in {store.root}. Run `dagster job execute -j data` first.")
    require_whole(path, name)
    return path


def damaged_parts(store: Store, name: str) -> list[Path]:
    """Give the parts of table `name` whose bytes are not those that were written."""
    return [path for path in table_files(store, name) if damage(path)]


def require_whole(path: Path, name: str) -> None:
    """Refuse a part of table `name` whose bytes are not those that were written.

    Raises:
        ContractError: naming file and remedy.
    """
    if found := damage(path):
        raise ContractError(f"{path} is damaged: {found}. {_remedy(name)} If that stops here, delete the file first.")


def require_schema(path: Path, name: str) -> None:
    """Refuse a part whose footer does not follow the contract of table `name`.

    Raises:
        ContractError: naming file, column, what was expected, what was found, and the remedy.
    """
    try:
        violations = _schema_violations(pq.read_schema(path), arrow_schema(name))
    except ERRORS_OF_A_BROKEN_FILE as error:
        raise ContractError(f"{path} is damaged: it cannot be read ({error}). {_remedy(name)}") from error
    if violations:
        words = "; ".join(violations)
        raise ContractError(f"{path} does not follow the contract: {words}. Delete it. {_remedy(name)}")


def stored_inputs(store: Store, name: str, part: str = "all") -> str | None:
    """Give the `inputs` that a part was written with.

    None where the part was never written, is damaged, or was written under another contract or before parts carried a
    checksum: it must be computed again.
    """
    path = store.table(name) / f"{part}.parquet"
    if damage(path) or not carries_checksum(path):
        return None
    schema = pq.read_schema(path)
    if _schema_violations(schema, arrow_schema(name)):
        return None
    return (schema.metadata or {}).get(INPUTS.encode(), b"").decode()


def table_hash(store: Store, name: str) -> str:
    """Give the SHA-256 over names and bytes of all parts of table `name`.

    Raises:
        ContractError: if a part is damaged: what is made from it must not be taken for made from the sound one.
    """
    digest = hashlib.sha256()
    for path in table_files(store, name):
        require_whole(path, name)
        digest.update(f"{path.name}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def check_table(store: Store, name: str) -> list[str]:
    """Read every byte of table `name` and give the violations of its contract in words; none when all is well."""
    table, schema = find_table(name), arrow_schema(name)
    violations, keys = [], []
    for path in table_files(store, name):
        found = _part_violations(path, schema)
        delete = "" if damage(path) else "Delete it. "
        violations += [f"{name}: {path}: {violation}. {delete}{_remedy(name)}" for violation in found]
        if not found and table.key:
            keys.append(pq.read_table(path, columns=list(table.key)))
    if keys:
        duplicate = _duplicate_key(_sorted(pa.concat_tables(keys), table), table)
        parts = ", ".join(map(str, table_files(store, name)))
        violations += (
            [f"{name}: {duplicate} Its parts: {parts}. Delete the wrong one. {_remedy(name)}"] if duplicate else []
        )
    return violations


def check_store(store: Store) -> list[str]:
    """Give the violations of every table in words, and tables on disk that no contract declares."""
    contract = load_contract()
    folders = {f"{path.parent.parent.name}.{path.parent.name}" for path in store.root.glob("tables/*/*/[!.]*.parquet")}
    unknown = [
        f"{name}: {store.table(name)} is not in the contract; delete it" for name in sorted(folders - set(contract))
    ]
    return [violation for name in contract for violation in check_table(store, name)] + unknown


def check_shards(store: Store) -> list[str]:
    """Compare every shard of feature.shards with the SHA-256 taken when it was written.

    Raises:
        ContractError: if feature.shards itself cannot be read.
    """
    violations = []
    shards = read_table(store, "feature.shards")
    for path, sha256 in zip(shards["path"].to_pylist(), shards["sha256"].to_pylist(), strict=True):
        try:
            verify_shard(store.root / path, sha256)
        except ShardError as error:
            violations.append(f"feature.shards: {error}")
    return violations


def _conform(table: Table, frame: pa.Table) -> pa.Table:
    expected = table.column_names
    missing = [column for column in expected if column not in frame.column_names]
    extra = [column for column in frame.column_names if column not in expected]
    repeated = sorted({column for column in frame.column_names if frame.column_names.count(column) > 1})
    wrong = [("missing", missing), ("not in the contract", extra), ("given twice", repeated)]
    if missing or extra or repeated:
        words = "; ".join(f"{what}: {', '.join(names)}" for what, names in wrong if names)
        raise ContractError(f"{table.name}: columns {words}. Expected exactly {', '.join(expected)}.")
    schema = arrow_schema(table.name)
    return pa.table([_conform_column(table, field, frame[field.name]) for field in schema], schema=schema)


def _conform_column(table: Table, field: pa.Field, values: pa.ChunkedArray) -> pa.ChunkedArray:
    where = f"{table.name}.{field.name}"
    found = f"{values.type}".replace("large_", "").replace("_view", "")
    expected = f"{field.type}".replace("large_", "")
    if not pa.types.is_null(values.type) and _kind(values.type) not in _accepted_kinds(field.type):
        raise ContractError(f"{where}: expected {expected}, found {found}; cast it before it is written.")
    try:
        cast = values.cast(field.type)
    except pa.ArrowException as error:
        raise ContractError(f"{where}: expected {expected}, found {found} that does not fit: {error}") from error
    problem = _value_problem(field, cast)
    if problem:
        raise ContractError(f"{where}: {problem}")
    return cast


def _kind(arrow_type: pa.DataType) -> str:
    checks = {
        "string": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "binary": (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
        "integer": (pa.types.is_integer,),
        "float": (pa.types.is_floating,),
        "bool": (pa.types.is_boolean,),
        "timestamp": (pa.types.is_timestamp,),
    }
    if pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type):
        return "list" if pa.types.is_null(arrow_type.value_type) else f"list of {_kind(arrow_type.value_type)}"
    return next((kind for kind, tests in checks.items() if any(test(arrow_type) for test in tests)), str(arrow_type))


def _accepted_kinds(arrow_type: pa.DataType) -> set[str]:
    kind = _kind(arrow_type)
    wider = {"float": {"integer"}, "list of string": {"list"}}
    return {kind} | wider.get(kind, set())


def _value_problem(field: pa.Field, values: pa.ChunkedArray) -> str:
    """Say what is wrong with the values: null, null list items, NaN; empty when nothing is."""
    if values.null_count and not field.nullable:
        first = pc.index(pc.is_null(values), True).as_py()
        return (
            f"{values.null_count} of {len(values)} rows are null, the first is row {first}; this column is never null."
        )
    if pa.types.is_list(field.type) and pc.list_flatten(values).null_count:
        return "a list holds a null item; drop null items before the table is written."
    if pa.types.is_floating(field.type) and pc.any(pc.is_nan(values)).as_py():
        return "a value is NaN; write null where a number is undefined."
    return ""


def _sorted(rows: pa.Table, table: Table) -> pa.Table:
    by = table.key or [field.name for field in rows.schema if not pa.types.is_list(field.type)]
    if _is_sorted(rows, by):  # a second copy of millions of rows for nothing
        return rows
    order = pc.sort_indices(rows, sort_keys=[(column, "ascending") for column in by])
    return rows.take(order)


def _is_sorted(rows: pa.Table, by: Sequence[str]) -> bool:
    """Whether no row belongs before its neighbour; False where a null leaves it open."""
    if len(rows) < 2:
        return True
    in_order: Any = None
    for column in reversed(by):
        before, after = rows[column].slice(0, len(rows) - 1), rows[column].slice(1)
        if in_order is None:
            in_order = pc.less_equal(before, after)
        else:
            in_order = pc.or_(pc.less(before, after), pc.and_(pc.equal(before, after), in_order))
    return bool(pc.all(in_order, skip_nulls=False).as_py())


def _duplicate_key(rows: pa.Table, table: Table) -> str:
    """Name one key that two neighbours among the sorted rows share; empty when there is none."""
    if not table.key or len(rows) < 2:
        return ""
    same = None
    for column in table.key:
        equal = pc.equal(rows[column].slice(1), rows[column].slice(0, len(rows) - 1))
        same = equal if same is None else pc.and_(same, equal)
    count = pc.sum(same).as_py()
    if not count:
        return ""
    at = pc.index(same, True).as_py()
    example = ", ".join(f"{column}={rows[column][at].as_py()!r}" for column in table.key)
    return f"{count} rows repeat the key of another row, for example {example}; the key is ({', '.join(table.key)})."


def _read_part(path: Path, name: str, schema: pa.Schema, where: Mapping[str, str] | None) -> pa.Table:
    require_whole(path, name)
    require_schema(path, name)
    filters = [(column, "==", value) for column, value in (where or {}).items()] or None
    rows = pq.read_table(path, filters=filters)
    return rows.select(schema.names).cast(schema)


def _remedy(name: str) -> str:
    return f"`dagster job execute -j {find_table(name).job}` makes {name} again."


def _schema_violations(found: pa.Schema, expected: pa.Schema) -> list[str]:
    violations = [f"column {name} is not in the contract" for name in found.names if name not in expected.names]
    for field in expected:
        if field.name not in found.names:
            violations.append(f"column {field.name} is missing")
        elif found.field(field.name).type != field.type:
            violations.append(f"column {field.name}: expected {field.type}, found {found.field(field.name).type}")
        elif found.field(field.name).nullable and not field.nullable:
            violations.append(f"column {field.name}: expected no nulls, found a column that allows them")
    return violations


def _part_violations(path: Path, schema: pa.Schema) -> list[str]:
    if found := damage(path):
        return [f"damaged: {found}"]
    with pq.ParquetFile(path) as file:
        violations = _schema_violations(file.schema_arrow, schema)
        if violations:
            return violations
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group)
            problems = {field.name: _value_problem(field, rows[field.name]) for field in schema}
            violations += [f"column {column}: {problem}" for column, problem in problems.items() if problem]
    return violations
