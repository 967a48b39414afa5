"""The whole store held against its contract."""

from warehouse.contract import load_contract
from warehouse.shards.writer import ShardError, verify_shard
from warehouse.store import Store
from warehouse.tables import check_table, read_table


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
