"""The file that training reads for one corpus and split: labels as numbers, folds, and the names of the genres."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.corpora import Corpus
from pipelines.currency import content_hash
from pipelines.transforms.folds import folds_status
from warehouse.store import Store, replacing
from warehouse.tables import read_table

FOLDER = "training_inputs"
HASH_DIGITS = 16
FEATURES = ("fbank_16k", "lyric_tokens")
SCHEMA = pa.schema(
    [
        pa.field("track_id", pa.string(), nullable=False),
        pa.field("labels", pa.list_(pa.field("element", pa.int32(), nullable=False)), nullable=False),
        pa.field("fold", pa.int32(), nullable=False),
        pa.field("kept_by_drop_samples", pa.bool_(), nullable=False),
    ]
)


@dataclass(frozen=True)
class TrainingInputs:
    """What training reads.

    Attributes:
        corpus_hash: Hash of tracks, labels, folds, genres and feature shards; empty if training cannot run.
        path: Place of the file below the store; None if training cannot run.
        tracks: Tracks of the corpus.
        status: Why training cannot run; empty if it can.
    """

    corpus_hash: str
    path: Path | None
    tracks: int
    status: str


def write_training_inputs(
    store: Store, corpus: Corpus, scheme: str, *, features: Sequence[str] = FEATURES
) -> TrainingInputs:
    """Write `<store>/training_inputs/<corpus_hash>.parquet`, if it is not there.

    Tracks whose label vector is empty stay in; training decides by its settings what to do with them.

    Args:
        store: The store, with corpus, genre and feature tables written.
        corpus: The corpus.
        scheme: Split scheme, one of `corpus.folds`.
        features: Features that training reads.
    """
    members = _members(store, corpus)
    tracks, labelled = members.height, members.filter(pl.col("genres").list.len() > 0).height
    status = folds_status(corpus.name, labelled, corpus.folds[scheme].n)
    if status:
        return TrainingInputs("", None, tracks, status)
    rows, genres = _rows(store, corpus, scheme)
    shards = _frame(store, "feature.shards").filter(
        pl.col("dataset") == corpus.dataset, pl.col("feature").is_in(features)
    )
    checksums = shards.sort("feature", "shard").select("feature", "sha256").rows()
    corpus_hash = content_hash(rows.rows(), genres, checksums)[:HASH_DIGITS]
    path = Path(FOLDER) / f"{corpus_hash}.parquet"
    if not (store.root / path).is_file():
        table = rows.to_arrow().cast(SCHEMA).replace_schema_metadata({"genres": json.dumps(genres)})
        with replacing(store.root / path) as temporary:
            pq.write_table(table, temporary, compression="zstd", version="2.6")
    return TrainingInputs(corpus_hash, path, tracks, "")


def scope_genres(store: Store, corpus: Corpus) -> list[str]:
    """Genres of a corpus, most frequent first, as genre.frequency has them."""
    frequency = _frame(store, "genre.frequency").filter(
        pl.col("corpus") == corpus.name, pl.col("scope") == corpus.scope_from, pl.col("in_scope")
    )
    return frequency.sort("rank")["genre"].to_list()


def _rows(store: Store, corpus: Corpus, scheme: str) -> tuple[pl.DataFrame, list[str]]:
    """Give the rows of the file, sorted, with labels as indices into the genres, ascending; and the genres."""
    genres = scope_genres(store, corpus)
    places = {genre: place for place, genre in enumerate(genres)}
    folds = _frame(store, "corpus.folds").filter(pl.col("corpus") == corpus.name, pl.col("scheme") == scheme)
    members = _members(store, corpus)
    labels = [sorted(places[genre] for genre in row) for row in members["genres"]]
    rows = members.with_columns(pl.Series("labels", labels, dtype=pl.List(pl.Int32)))
    rows = rows.join(folds, on="track_id", how="inner").sort("track_id")
    return rows.select(SCHEMA.names), genres


def _members(store: Store, corpus: Corpus) -> pl.DataFrame:
    return _frame(store, f"corpus.{corpus.name}")


def _frame(store: Store, table: str) -> pl.DataFrame:
    return pl.DataFrame(read_table(store, table))
