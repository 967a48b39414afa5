"""Rows of feature.shards and feature.index."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from mgc_models.config.inputs import INPUTS
from pipelines.tables import read_columns
from warehouse.shards.reader import read_spec
from warehouse.shards.writer import FeatureSpec, ShardInfo
from warehouse.store import Store, file_sha256
from warehouse.tables import stored_inputs
from warehouse.verified import has_sha256, note_verified

COMPANIONS = {kind.file.name: kind.file.checksum for kind in INPUTS.values() if kind.file}

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
        note_verified(store, store.root / path, info.sha256)
        files.append((spec.name, dataset, number, path, info.rows, info.bytes, info.sha256, spec.hash))
        places += [
            (spec.name, dataset, track_id, number, row, length) for row, (track_id, length) in enumerate(lengths)
        ]
    return pl.DataFrame(files, SHARDS_SCHEMA, orient="row"), pl.DataFrame(places, INDEX_SCHEMA, orient="row")


def shards_are_whole(store: Store, part: str) -> bool:
    """Whether every shard on record is there with its bytes, and no other beside it; tokenizer and vocabulary too."""
    if stored_inputs(store, "feature.shards", part) is None:
        return False
    feature, _, dataset = part.partition("-")
    shards = read_columns(store, "feature.shards", part, ["path", "sha256"])  # other parts may be damaged
    recorded = {(store.root / path): sha256 for path, sha256 in shards.select("path", "sha256").iter_rows()}
    folder = store.feature(feature, dataset)
    return (
        recorded.keys() == set(folder.glob("shard-*.parquet"))
        and all(has_sha256(store, path, sha256) for path, sha256 in recorded.items())
        and not damaged_companions(folder)
    )


def damaged_companions(folder: Path) -> list[Path]:
    """Tokenizer or vocabulary beside the shards of a folder, where it is another than they were made with.

    Raises:
        ShardError: if a shard is damaged.
    """
    there = {folder / name: key for name, key in COMPANIONS.items() if (folder / name).is_file()}
    settings = [read_spec(path).settings for path in folder.glob("shard-*.parquet")] if there else []
    return [path for path, key in there.items() if {file_sha256(path)} != {one.get(key) for one in settings}]


def feature_totals(store: Store, part: str) -> dict[str, int]:
    """Shards, tracks and bytes of one feature of one dataset, as feature.shards has them."""
    shards = read_columns(store, "feature.shards", part, ["rows", "bytes"])
    return {"shards": shards.height, "tracks": int(shards["rows"].sum()), "bytes": int(shards["bytes"].sum())}
