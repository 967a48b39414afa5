"""The tracks of a run: labels, folds and what else is known of them, from a training-inputs file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from mgc_models.config.run import DataSpec
from mgc_models.data.shape import GenreGraph
from mgc_models.errors import DataError
from warehouse.checksum import damage

_REMEDY = "`dagster job execute -j data` makes it again."
_COLUMNS = ("track_id", "labels", "fold", "kept_by_drop_samples")


@dataclass(frozen=True)
class Tracks:
    """Tracks of a corpus with their labels and folds.

    Attributes:
        ids: Track ids, in file order.
        labels: Which genres a track has, [N, C].
        folds: Fold of each track, [N].
        kept: Whether the label scope policy `drop_samples` keeps the track, [N].
        genres: Genre names, by rank.
        first: The first genre of each track in the file's order, -1 without any, [N].
        emotion: Valence and energy, float32 [N, 2], NaN where unknown; None without the column `emotion`.
        has_lyrics: Whether a track has lyrics, [N]; None without the column `has_lyrics`.
        metadata: What else the file's metadata hold: name to text.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.bool_]
    folds: NDArray[np.int64]
    kept: NDArray[np.bool_]
    genres: tuple[str, ...]
    first: NDArray[np.int64]
    emotion: NDArray[np.float32] | None = None
    has_lyrics: NDArray[np.bool_] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def unlabelled(self) -> "Tracks":
        """The same tracks without genres, as a pretraining sees them."""
        return replace(self, labels=self.labels[:, :0], genres=(), emotion=None)

    def single_label(self) -> "Tracks":
        """The same tracks, each with its first genre alone."""
        labels = np.zeros_like(self.labels)
        labelled = np.flatnonzero(self.first >= 0)
        labels[labelled, self.first[labelled]] = True
        return replace(self, labels=labels)


def read_tracks(path: Path) -> Tracks:
    """Read a training-inputs file.

    Raises:
        DataError: if it is missing, not Parquet, or its columns, metadata or labels are not as expected.
    """
    table = _read_table(path)
    genres = _genres(path, table)
    labels = np.zeros((table.num_rows, len(genres)), dtype=bool)
    indices = table.column("labels").combine_chunks()
    counts = indices.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    row = np.repeat(np.arange(table.num_rows), counts)
    genre = indices.flatten().to_numpy(zero_copy_only=False)
    if len(genre) and not (genre.min() >= 0 and genre.max() < len(genres)):
        raise DataError(f"{path}: expected labels from 0 to {len(genres) - 1}, found {genre.min()} to {genre.max()}")
    labels[row, genre] = True
    first = np.full(table.num_rows, -1, dtype=np.int64)
    first[counts > 0] = genre[(np.cumsum(counts) - counts)[counts > 0]]
    ids = tuple(table.column("track_id").to_pylist())
    if len(set(ids)) < len(ids):
        raise DataError(f"{path}: expected every track_id once, {len(ids) - len(set(ids))} rows repeat one")
    return Tracks(
        ids=ids,
        labels=labels,
        folds=table.column("fold").to_numpy().astype(np.int64),
        kept=table.column("kept_by_drop_samples").to_numpy().astype(bool),
        genres=genres,
        first=first,
        emotion=_emotion(path, table),
        has_lyrics=_has_lyrics(table),
        metadata={key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()},
    )


def _read_table(path: Path) -> pa.Table:
    if not path.exists():
        raise DataError(f"{path}: no such file. {_REMEDY}")
    if found := damage(path):
        raise DataError(f"{path} is damaged: {found}. {_REMEDY}")
    table = pq.read_table(path)
    if missing := [name for name in _COLUMNS if name not in table.column_names]:
        raise DataError(
            f"{path}: expected columns {', '.join(_COLUMNS)}, missing {', '.join(missing)}. "
            "Delete it and run the job again."
        )
    for name in _COLUMNS:
        if table.column(name).null_count:
            raise DataError(f"{path}: column {name} has {table.column(name).null_count} nulls, expected none")
    return table


def _genres(path: Path, table: pa.Table) -> tuple[str, ...]:
    stored = (table.schema.metadata or {}).get(b"genres")
    if not stored:  # a corpus that only pretraining reads has an empty list
        raise DataError(f"{path}: expected the genre names in the file's metadata, found none")
    return tuple(json.loads(stored))


def _emotion(path: Path, table: pa.Table) -> NDArray[np.float32] | None:
    if "emotion" not in table.column_names:
        return None
    values = np.full((table.num_rows, 2), np.nan, dtype=np.float32)
    for row, pair in enumerate(table.column("emotion").to_pylist()):
        if pair is not None and len(pair) != 2:
            raise DataError(f"{path}: expected valence and energy in column emotion, row {row} has {len(pair)} numbers")
        if pair is not None:
            values[row] = [np.nan if value is None else value for value in pair]
    return values


def _has_lyrics(table: pa.Table) -> NDArray[np.bool_] | None:
    if "has_lyrics" not in table.column_names:
        return None
    return table.column("has_lyrics").fill_null(False).to_numpy().astype(bool)


@dataclass(frozen=True)
class Fold:
    """Rows of the tracks to train on, [n], to test on, [m], and to choose by, [v]; the last is empty with folds.

    Attributes:
        train: Rows to train on.
        test: Rows to test on.
        validation: Rows to choose by.
        unlabelled_train: Tracks left out of `train` because they have no genre; 0 unless tracks have one genre each.
        unlabelled_test: The same of `test`.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    validation: NDArray[np.int64]
    unlabelled_train: int = 0
    unlabelled_test: int = 0


def split_rows(tracks: Tracks, data: DataSpec, label_scope_policy: str, *, single_label: bool = False) -> Fold:
    """Rows to train on, to test on, and to choose by.

    Args:
        tracks: All tracks.
        data: `split` folds: the test part is `fold`, the training part all others; train_validation_test: folds 0, 1
            and 2 are the three parts.
        label_scope_policy: `drop_samples` leaves out the tracks that `kept_by_drop_samples` names.
        single_label: Whether tracks without a genre are left out, and counted; they belong to no class.

    Raises:
        DataError: if a part is empty.
    """
    used = tracks.kept if label_scope_policy == "drop_samples" else np.ones(len(tracks.ids), dtype=bool)
    left_out = used & (tracks.first < 0) if single_label else np.zeros_like(used)
    if data.split == "folds":
        in_test, in_validation = tracks.folds == data.fold, np.zeros_like(used)
        in_train = ~in_test
    else:
        in_train, in_validation, in_test = (tracks.folds == part for part in range(3))
    parts = [np.flatnonzero(used & ~left_out & part) for part in (in_train, in_test, in_validation)]
    if not all(len(part) for part in (parts if data.split != "folds" else parts[:2])):
        raise DataError(
            f"fold {data.fold} of split {data.split}: expected tracks to train on, to test on and (with "
            f"train_validation_test) to choose by, found {', '.join(str(len(part)) for part in parts)} "
            f"(label_scope_policy {label_scope_policy}, folds in the file: {sorted(set(tracks.folds.tolist()))})"
        )
    train, test, validation = parts
    return Fold(train, test, validation, int((left_out & in_train).sum()), int((left_out & in_test).sum()))


def without_fold(tracks: Tracks, fold: int | None) -> Tracks:
    """The tracks of all other folds; all of them for None.

    Raises:
        DataError: if none is left.
    """
    rows = np.flatnonzero(tracks.folds != fold) if fold is not None else np.arange(len(tracks.ids))
    if not len(rows):
        raise DataError(f"without fold {fold}: expected tracks to pretrain on, found none")
    return replace(
        tracks,
        ids=tuple(tracks.ids[row] for row in rows),
        labels=tracks.labels[rows],
        folds=tracks.folds[rows],
        kept=tracks.kept[rows],
        first=tracks.first[rows],
        emotion=None if tracks.emotion is None else tracks.emotion[rows],
        has_lyrics=None if tracks.has_lyrics is None else tracks.has_lyrics[rows],
    )


def genre_graph(path: Path, tracks: Tracks, fold: int, reading: str = "corpus") -> GenreGraph:
    """The graph of the genres that the file's metadata hold.

    `genre_correlation` is JSON, reading to fold to rows in genre order; `genre_name_vectors`, JSON, has one vector per
    genre in genre order, and may be absent. Reading `identity` takes no correlation: every genre is by itself.

    Raises:
        DataError: if the correlation of the fold is missing, or something has another shape.
    """
    count = len(tracks.genres)
    stored = json.loads(tracks.metadata.get("genre_correlation", "{}")).get(reading, {}).get(str(fold))
    correlation = torch.eye(count) if reading == "identity" else torch.tensor(stored or [], dtype=torch.float32)
    if correlation.shape != (count, count):
        raise DataError(
            f"{path}: expected metadata genre_correlation with a {count} x {count} matrix of {reading}, fold {fold}, "
            f"found {list(correlation.shape) if stored else 'none'}. Delete the file and run the job again."
        )
    vectors = json.loads(tracks.metadata.get("genre_name_vectors", "null"))
    features = None if vectors is None else torch.tensor(vectors, dtype=torch.float32)
    if features is not None and (features.ndim != 2 or len(features) != count):
        raise DataError(f"{path}: expected {count} vectors in genre_name_vectors, found {list(features.shape)}")
    return GenreGraph(tracks.genres, correlation, features)
