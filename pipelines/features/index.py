"""Rows of feature.shards and feature.index."""

from collections.abc import Iterable, Sequence

import polars as pl

from pipelines.tables import read_frame
from warehouse.shards.writer import FeatureSpec, ShardInfo
from warehouse.store import Store
from warehouse.tables import stored_inputs

SHARDS_SCHEMA = {
    "feature": pl.String,
    "dataset": pl.String,
    "shard": pl.Int32,
    "path": pl.String,
    "rows": pl.Int64,
    "bytes": pl.Int64,
    "sha256": pl.String,
    "spec_hash": pl.String,
}
INDEX_SCHEMA = {
    "feature": pl.String,
    "dataset": pl.String,
    "track_id": pl.String,
    "shard": pl.Int32,
    "shard_row": pl.Int32,
    "length": pl.Int32,
}


def feature_frames(
    store: Store,
    spec: FeatureSpec,
    dataset: str,
    shards: Iterable[tuple[int, ShardInfo, Sequence[tuple[str, int]]]],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the rows of feature.shards and feature.index for (number, info, [(track_id, length)]) of every shard."""
    folder = store.feature(spec.name, dataset).relative_to(store.root).as_posix()
    files, places = [], []
    for number, info, lengths in shards:
        path = f"{folder}/shard-{number:05}.parquet"
        files.append((spec.name, dataset, number, path, info.rows, info.bytes, info.sha256, spec.hash))
        places += [
            (spec.name, dataset, track_id, number, row, length) for row, (track_id, length) in enumerate(lengths)
        ]
    return pl.DataFrame(files, SHARDS_SCHEMA, orient="row"), pl.DataFrame(places, INDEX_SCHEMA, orient="row")


def shards_are_whole(store: Store, part: str) -> bool:
    """Whether every shard on record is there in its size, and no other beside it."""
    if stored_inputs(store, "feature.shards", part) is None:
        return False
    feature, _, dataset = part.partition("-")
    shards = read_frame(store, "feature.shards", dataset).filter(pl.col("feature") == feature)
    recorded = {(store.root / path): size for path, size in shards.select("path", "bytes").iter_rows()}
    found = {path: path.stat().st_size for path in store.feature(feature, dataset).glob("shard-*.parquet")}
    return recorded == found


def feature_totals(store: Store, part: str) -> dict[str, int]:
    """Shards, tracks and bytes of one feature of one dataset, as feature.shards has them."""
    feature, _, dataset = part.partition("-")
    shards = read_frame(store, "feature.shards", dataset).filter(pl.col("feature") == feature)
    return {"shards": shards.height, "tracks": int(shards["rows"].sum()), "bytes": int(shards["bytes"].sum())}
