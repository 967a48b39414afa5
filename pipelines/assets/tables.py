"""What every table asset shares: its specification from the contract, its materialisation, its skip rule."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pyarrow.parquet as pq

from pipelines.incremental import make_file
from warehouse.contract import load_contract
from warehouse.store import Store
from warehouse.tables import check_table, read_table, stored_inputs, table_files, write_table

OWNERS = ["team:data"]
KINDS = {"parquet"}
CONTRACT_CHECK = "contract"


def table_key(name: str) -> dg.AssetKey:
    """`core.tracks` -> AssetKey(["core", "tracks"])."""
    return dg.AssetKey(name.split("."))


def column_schema(name: str) -> dg.TableSchema:
    """The contract's columns as Dagster shows them."""
    table = load_contract()[name]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type,
                description=column.meaning + (f" Unit: {column.unit}." if column.unit else ""),
                constraints=dg.TableColumnConstraints(nullable=column.name in table.nullable),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(other=[f"One row per: {table.row}"]),
    )


def table_spec(
    name: str, *, group: str, deps: Sequence[Any] = (), kinds: set[str] | None = None, code_version: str = "1"
) -> dg.AssetSpec:
    """Specification of the asset that writes table `name`, described by its contract."""
    return dg.AssetSpec(
        table_key(name),
        deps=list(deps),
        description=load_contract()[name].description,
        group_name=group,
        kinds=KINDS | (kinds or set()),
        owners=OWNERS,
        code_version=code_version,
        metadata={"dagster/column_schema": column_schema(name), "dagster/table_name": name},
    )


def table_assets(
    names: Sequence[str],
    *,
    group: str,
    deps: Sequence[Any] = (),
    kinds: set[str] | None = None,
    checks: Sequence[dg.AssetCheckSpec] = (),
    **op: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorator: one pass that writes `names`, each with a blocking check that it keeps its contract.

    The function yields `table_result(store, name)` for every name, and a result for each of its own further `checks`;
    `op` goes to `dagster.multi_asset` (name, pool, …).
    """
    return dg.multi_asset(
        specs=[table_spec(name, group=group, deps=deps, kinds=kinds) for name in names],
        check_specs=[
            *checks,
            *(
                dg.AssetCheckSpec(
                    CONTRACT_CHECK,
                    asset=table_key(name),
                    blocking=True,
                    description="Columns, types, nulls and keys are those of the table's contract.",
                )
                for name in names
            ),
        ],
        **op,
    )


def contract_check(store: Store, name: str) -> dg.AssetCheckResult:
    """Hold one table against its contract."""
    violations = check_table(store, name)
    return dg.AssetCheckResult(
        check_name=CONTRACT_CHECK,
        asset_key=table_key(name),
        passed=not violations,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"violations": dg.MetadataValue.json(violations[:20])},
    )


def row_count(store: Store, name: str) -> int:
    """Rows of all parts of a table, from the Parquet footers."""
    return sum(pq.read_metadata(path).num_rows for path in table_files(store, name))


def table_result(
    store: Store, name: str, *, metadata: Mapping[str, Any] | None = None, skipped: bool = False
) -> dg.MaterializeResult:
    """Materialisation of one table: rows, files, what the asset adds, and whether anything was done."""
    files = table_files(store, name)
    return dg.MaterializeResult(
        asset_key=table_key(name),
        metadata={
            "dagster/row_count": row_count(store, name),
            "files": [path.relative_to(store.root).as_posix() for path in files[:20]],
            "unchanged": skipped,
            **(metadata or {}),
        },
        check_results=[contract_check(store, name)],
    )


def table_results(
    store: Store, names: Sequence[str], *, metadata: Mapping[str, Any] | None = None, skipped: bool = False
) -> Iterator[dg.MaterializeResult]:
    """Materialisations of several tables that one pass wrote."""
    for name in names:
        yield table_result(store, name, metadata=metadata, skipped=skipped)


def write_if_changed(store: Store, frames: Mapping[str, pl.DataFrame]) -> bool:
    """Write tables whose rows differ from those that are there; returns whether any did."""
    changed = False
    for name, frame in frames.items():
        contract = json.dumps([(column.name, column.type) for column in load_contract()[name].columns])
        inputs = hashlib.sha256((contract + frame.write_ndjson()).encode()).hexdigest()
        if stored_inputs(store, name) != inputs:
            write_table(store, name, frame, inputs=inputs)
            changed = True
    return changed


def frame_of(store: Store, name: str) -> pl.DataFrame:
    """A table as a frame."""
    return pl.DataFrame(read_table(store, name))


def picture(path: Path) -> dg.MetadataValue:
    """A PNG as Dagster shows it in an asset's metadata."""
    encoded = base64.b64encode(path.read_bytes()).decode()
    return dg.MetadataValue.md(f"![{path.stem}](data:image/png;base64,{encoded})")


def figure_spec(
    key: dg.AssetKey, description: str, *, group: str, deps: Sequence[Any], tags: Mapping[str, str] | None = None
) -> dg.AssetSpec:
    """Specification of the asset that draws a figure."""
    return dg.AssetSpec(
        key,
        deps=list(deps),
        description=description,
        group_name=group,
        kinds={"matplotlib"},
        owners=OWNERS,
        tags=dict(tags or {}),
    )


def figure_result(
    store: Store, path: Path, inputs: str, draw: Callable[[], None], key: dg.AssetKey | None = None, **more: Any
) -> dg.MaterializeResult:
    """Materialisation of one figure, drawn unless drawn from equal `inputs` before; `more` goes to its metadata."""
    drawn = make_file(store, path, inputs, draw)
    return dg.MaterializeResult(asset_key=key, metadata={"picture": picture(path), "unchanged": not drawn, **more})


def table_and_figure(
    table: str, figure: dg.AssetKey, description: str, *, deps: Sequence[Any], tags: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Decorator: one pass in a child process that writes a table, under its contract check, and a figure of it.

    The function yields `table_result(store, table)` and a `figure_result` with the key `figure`.
    """
    kept = dict(tags or {})
    return dg.multi_asset(
        specs=[
            table_spec(table, group="results", deps=deps, kinds={"pytorch"}).merge_attributes(tags=kept),
            figure_spec(figure, description, group="results", deps=deps, tags=kept),
        ],
        check_specs=[dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key(table), blocking=True)],
        name=table.split(".")[1],
    )
