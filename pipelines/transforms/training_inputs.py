"""The file that training reads its tracks, labels and folds from; its name is a hash of what it holds."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.plan.runs import TrainingData, sha256_of
from warehouse.store import Store, replacing
from warehouse.tables import read_table


def training_data(store: Store, corpus: str, dataset: str, scheme: str) -> TrainingData | None:
    """Describe a corpus under a split scheme; nothing is written.

    The hash covers genres, track ids, labels, folds and the checksums of the dataset's feature shards.

    Returns:
        None when the corpus has no track, or none under this scheme.
    """
    rows = corpus_rows(store, corpus, scheme)
    if not rows:
        return None
    digest = sha256_of({"genres": genre_names(store, corpus), "tracks": rows, "shards": shard_sums(store, dataset)})
    labelled = Counter(fold for _, labels, fold, _ in rows if labels)
    return TrainingData(
        corpus, dataset, scheme, digest, f"training_inputs/{digest}.parquet", dict(sorted(labelled.items()))
    )


def write_training_inputs(store: Store, data: TrainingData) -> None:
    """Write the training-inputs file that `data` describes, unless it is there."""
    path = store.root / data.tracks
    if path.exists():
        return
    ids, labels, folds, kept = zip(*corpus_rows(store, data.corpus, data.scheme), strict=True)
    columns = pa.table(
        {
            "track_id": pa.array(ids, pa.string()),
            "labels": pa.array(labels, pa.list_(pa.int32())),
            "fold": pa.array(folds, pa.int32()),
            "kept_by_drop_samples": pa.array(kept, pa.bool_()),
        }
    ).replace_schema_metadata({"genres": json.dumps(genre_names(store, data.corpus), ensure_ascii=False)})
    with replacing(path) as temporary:
        pq.write_table(columns, temporary)


def genre_names(store: Store, corpus: str) -> list[str]:
    """The corpus' genres in scope, by their rank in it; genres that no track of it carries come last, by name."""
    rows = [row for row in read_table(store, "genre.frequency").to_pylist() if row["corpus"] == corpus]
    ranks = {row["genre"]: row["rank"] for row in rows if row["scope"] == corpus}
    chosen = {row["genre"] for row in rows if row["in_scope"]}
    return sorted(chosen, key=lambda genre: (ranks.get(genre, len(rows)), genre))


def corpus_rows(store: Store, corpus: str, scheme: str) -> list[tuple[str, list[int], int, bool]]:
    """(track id, label indices, fold, kept by drop_samples) of every track that has a fold, by track id."""
    index = {genre: number for number, genre in enumerate(genre_names(store, corpus))}
    folds = {
        row["track_id"]: row["fold"]
        for row in read_table(store, "corpus.folds").to_pylist()
        if (row["corpus"], row["scheme"]) == (corpus, scheme)
    }
    return sorted(
        (
            row["track_id"],
            sorted(index[genre] for genre in row["genres"]),
            folds[row["track_id"]],
            row["kept_by_drop_samples"],
        )
        for row in read_table(store, f"corpus.{corpus}").to_pylist()
        if row["track_id"] in folds
    )


def shard_sums(store: Store, dataset: str) -> list[list[str | int]]:
    """Checksums of the dataset's feature shards."""
    rows = read_table(store, "feature.shards").to_pylist()
    return sorted(
        [row["feature"], row["shard"], row["spec_hash"], row["sha256"]] for row in rows if row["dataset"] == dataset
    )
