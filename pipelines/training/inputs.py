"""The file that training reads for one corpus and split: labels as numbers, folds, and what belongs to the genres."""

import json
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from pipelines.corpora.config import Corpus
from pipelines.corpora.splits import folds_status
from pipelines.experiments import TrainingData
from pipelines.genres.correlation import READINGS
from pipelines.genres.name_vectors import name_vectors, vectors_identity
from pipelines.incremental import content_hash
from pipelines.tables import read_columns
from warehouse.checksum import carries_checksum, damage, write_parquet
from warehouse.store import Store, replacing
from warehouse.tables import read_table

FOLDER = "training_inputs"
HASH_DIGITS = 16
NO_FOLD = -1
EMOTION = ("valence", "energy")
SCHEMA = pa.schema(
    [
        pa.field("track_id", pa.string(), nullable=False),
        pa.field("labels", pa.list_(pa.field("element", pa.int32(), nullable=False)), nullable=False),
        pa.field("fold", pa.int32(), nullable=False),
        pa.field("kept_by_drop_samples", pa.bool_(), nullable=False),
        pa.field("has_lyrics", pa.bool_(), nullable=False),
        pa.field("emotion", pa.list_(pa.field("element", pa.float32(), nullable=False)), nullable=True),
    ]
)


Correlations = dict[str, dict[str, list[list[float]]]]


class NotTrainableError(Exception):
    """Why a setting cannot be trained with this configuration and these data."""


def write_training_inputs(
    store: Store,
    corpus: Corpus,
    scheme: str,
    *,
    features: Sequence[str],
    graph: bool = False,
    bert: str | None = None,
) -> TrainingData:
    """Write `<store>/training_inputs/<corpus_hash>.parquet`, if it is not there and whole, and say what it holds.

    Tracks whose label vector is empty stay in; training decides by its settings what to do with them.

    Args:
        store: The store, with corpus, genre and feature tables written.
        corpus: The corpus.
        scheme: Split scheme, one of `corpus.folds`; empty for pretraining, which takes all tracks: their fold is -1.
        features: Features that training reads.
        graph: Whether the model wants the correlation of the genres and the vectors of their names.
        bert: Checkpoint that gives the vectors; None: there are none.

    Raises:
        NotTrainableError: if the corpus holds too few tracks, or its dataset lacks a feature.
    """
    members = _members(store, corpus)
    if status := _status(corpus, members, scheme):
        raise NotTrainableError(status)
    shards = _frame(store, "feature.shards").filter(
        pl.col("dataset") == corpus.dataset, pl.col("feature").is_in(features)
    )
    if missing := sorted(set(features) - set(shards["feature"])):
        names = ", ".join(missing)
        raise NotTrainableError(f"dataset {corpus.dataset} has no feature {names} (`dagster job execute -j data`)")
    genres = scope_genres(store, corpus) if corpus.has_genres else []
    rows = _rows(store, corpus, members, genres, scheme)
    checksums = shards.sort("feature", "shard").select("feature", "sha256").rows()
    correlation = _correlation(store, corpus, genres, scheme) if graph else None
    source = vectors_identity(bert) if graph and bert else None
    corpus_hash = content_hash(rows.rows(), genres, checksums, correlation, source)[:HASH_DIGITS]
    place = f"{FOLDER}/{corpus_hash}.parquet"
    if damage(store.root / place) or not carries_checksum(store.root / place):
        vectors = _name_vectors(tuple(genres), bert) if source else None
        _write(store.root / place, rows, genres, correlation, vectors)
    labelled = Counter(rows.filter(pl.col("labels").list.len() > 0)["fold"])
    return TrainingData(corpus.name, corpus.dataset, scheme, corpus_hash, place, dict(labelled))


def scope_genres(store: Store, corpus: Corpus) -> list[str]:
    """Genres of a corpus, most frequent first, as genre.frequency has them."""
    frequency = _frame(store, "genre.frequency").filter(
        pl.col("corpus") == corpus.name, pl.col("scope") == corpus.scope.counted_on, pl.col("in_scope")
    )
    return frequency.sort("rank")["genre"].to_list()


def _status(corpus: Corpus, members: pl.DataFrame, scheme: str) -> str:
    """Why training cannot run on a corpus; empty if it can."""
    if not scheme:
        return "" if members.height else f"corpus {corpus.name} holds no track"
    labelled = members.filter(pl.col("genres").list.len() > 0).height
    return folds_status(corpus.name, labelled, len(corpus.folds[scheme].parts))


def _rows(store: Store, corpus: Corpus, members: pl.DataFrame, genres: list[str], scheme: str) -> pl.DataFrame:
    """Give the rows of the file, sorted, with labels as indices into the genres, the track's first genre first."""
    places = {genre: place for place, genre in enumerate(genres)}
    labels = [[places[genre] for genre in row if genre in places] for row in members["genres"]]
    rows = members.with_columns(pl.Series("labels", labels, dtype=pl.List(pl.Int32)))
    if "kept_by_drop_samples" not in rows.columns:
        rows = rows.with_columns(kept_by_drop_samples=pl.lit(True))
    if scheme:
        folds = _frame(store, "corpus.folds").filter(pl.col("corpus") == corpus.name, pl.col("scheme") == scheme)
        rows = rows.join(folds.select("track_id", "fold"), on="track_id", how="inner")
    else:
        rows = rows.with_columns(fold=pl.lit(NO_FOLD, pl.Int32))
    rows = rows.join(_with_lyrics(store, corpus), on="track_id", how="left")
    rows = rows.join(_emotion(store, corpus), on="track_id", how="left")
    return rows.with_columns(pl.col("has_lyrics").fill_null(value=False)).sort("track_id").select(SCHEMA.names)


def _with_lyrics(store: Store, corpus: Corpus) -> pl.DataFrame:
    """The tracks that have usable lyrics: their own, or those of the song they are matched with."""
    part = store.table("core.lyrics") / f"{corpus.match.dataset or corpus.dataset}.parquet"
    if not part.is_file():
        return pl.DataFrame(schema={"track_id": pl.String, "has_lyrics": pl.Boolean})
    lyrics = read_columns(store, "core.lyrics", part.stem, ["track_id", "lyrics_status"])  # the lyrics are large
    found = lyrics.filter(pl.col("lyrics_status") == "ok").select("track_id", has_lyrics=pl.lit(True))
    if not corpus.match.dataset:
        return found
    pairs = _members(store, corpus).select("track_id", "matched_track_id")
    return pairs.join(found, left_on="matched_track_id", right_on="track_id").select("track_id", "has_lyrics")


def _emotion(store: Store, corpus: Corpus) -> pl.DataFrame:
    """Valence and energy of each track, NaN for the one that is unknown; no row where both are."""
    tracks = pl.DataFrame(read_table(store, "core.tracks", {"dataset": corpus.dataset}))
    known = tracks.filter(pl.any_horizontal(pl.col(EMOTION).is_not_null()))
    values = [pl.col(name).cast(pl.Float32).fill_null(float("nan")) for name in EMOTION]
    return known.select("track_id", emotion=pl.concat_list(values))


def _correlation(store: Store, corpus: Corpus, genres: list[str], scheme: str) -> Correlations:
    """By reading and split, what a graph network multiplies with, rows and columns in the order of the genres."""
    pairs = _frame(store, "genre.correlation").filter(pl.col("corpus") == corpus.name, pl.col("scheme") == scheme)
    order = pl.DataFrame({"genre": genres, "place": range(len(genres))}, schema_overrides={"genre": pl.String})
    for side in ("genre_a", "genre_b"):
        pairs = pairs.join(order.rename({"genre": side, "place": f"{side}_place"}), on=side)
    pairs = pairs.sort("split_fold", "genre_a_place", "genre_b_place")
    wide = len(genres)
    splits = {str(fold): group for (fold,), group in pairs.group_by("split_fold", maintain_order=True)}
    return {
        reading: {fold: group[column].to_numpy().reshape(wide, wide).tolist() for fold, group in splits.items()}
        for reading, column in {"corpus": "weight", **{name: f"weight_{name}" for name in READINGS}}.items()
    }


@lru_cache(maxsize=4)
def _name_vectors(genres: tuple[str, ...], bert: str) -> list[list[float]]:
    """Vectors of the genre names; a checkpoint is read once."""
    found: list[list[float]] = name_vectors(genres, bert).vectors.tolist()
    return found


def _write(path: Path, rows: pl.DataFrame, genres: list[str], correlation: Any, vectors: Any) -> None:
    metadata = {"genres": json.dumps(genres)}
    if correlation is not None:
        metadata |= {"genre_correlation": json.dumps(correlation), "genre_name_vectors": json.dumps(vectors)}
    table = rows.to_arrow().cast(SCHEMA).replace_schema_metadata(metadata)
    with replacing(path) as temporary:
        write_parquet(table, temporary, compression="zstd", version="2.6")


def _members(store: Store, corpus: Corpus) -> pl.DataFrame:
    return _frame(store, f"corpus.{corpus.name}")


def _frame(store: Store, table: str) -> pl.DataFrame:
    return pl.DataFrame(read_table(store, table))
