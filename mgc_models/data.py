"""The tracks of a run, and batches of them: crops of spectrograms, tokens, labels."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor

from mgc_models.banks import AudioBank, TokenBank
from mgc_models.errors import DataError
from mgc_models.spec import AudioSettings, required

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
    """

    ids: tuple[str, ...]
    labels: NDArray[np.bool_]
    folds: NDArray[np.int64]
    kept: NDArray[np.bool_]
    genres: tuple[str, ...]


@dataclass(frozen=True)
class Batch:
    """Inputs and labels on the device.

    Attributes:
        inputs: What the model is called with, by keyword: `audio` float32 [B, T, bands], normalised; `tokens` int64
            [B, L] and `token_mask` [B, L], True where there is a token; and so on (see `models.build_model`).
        labels: 0 or 1, float32 [B, C].
        targets: What else may be learnt: `emotion` float32 [B, 2], NaN where unknown.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    targets: dict[str, Tensor] = field(default_factory=dict)


def read_tracks(path: Path) -> Tracks:
    """Read a training-inputs file.

    Raises:
        DataError: if it is missing, not Parquet, or its columns, metadata or labels are not as expected.
    """
    table = _read_table(path)
    genres = _genres(path, table)
    labels = np.zeros((table.num_rows, len(genres)), dtype=bool)
    indices = table.column("labels").combine_chunks()
    row = np.repeat(np.arange(table.num_rows), indices.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    genre = indices.flatten().to_numpy(zero_copy_only=False)
    if len(genre) and not (genre.min() >= 0 and genre.max() < len(genres)):
        raise DataError(f"{path}: expected labels from 0 to {len(genres) - 1}, found {genre.min()} to {genre.max()}")
    labels[row, genre] = True
    ids = tuple(table.column("track_id").to_pylist())
    if len(set(ids)) < len(ids):
        raise DataError(f"{path}: expected every track_id once, {len(ids) - len(set(ids))} rows repeat one")
    return Tracks(
        ids=ids,
        labels=labels,
        folds=table.column("fold").to_numpy().astype(np.int64),
        kept=table.column("kept_by_drop_samples").to_numpy().astype(bool),
        genres=genres,
    )


def _read_table(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. Run the job again from its data part.") from None
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: not a readable Parquet file ({error}). Delete it and run the job again.") from error
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
    names = json.loads(stored) if stored else []
    if not names:
        raise DataError(f"{path}: expected the genre names in the file's metadata, found none")
    return tuple(names)


@dataclass(frozen=True)
class Fold:
    """Rows of the tracks to train on, [n], and to test on, [m]."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def split_rows(tracks: Tracks, fold: int, label_scope_policy: str) -> Fold:
    """Rows to train on and rows to test on: the test part is one fold, the training part all others.

    Raises:
        DataError: if either part is empty.
    """
    used = tracks.kept if label_scope_policy == "drop_samples" else np.ones(len(tracks.ids), dtype=bool)
    train = np.flatnonzero(used & (tracks.folds != fold))
    test = np.flatnonzero(used & (tracks.folds == fold))
    if not len(train) or not len(test):
        raise DataError(
            f"fold {fold}: expected tracks to train on and to test on, found {len(train)} and {len(test)} "
            f"(label_scope_policy {label_scope_policy}, folds in the file: {sorted(set(tracks.folds.tolist()))})"
        )
    return Fold(train, test)


@dataclass(frozen=True)
class TrackData:
    """Everything that batches are made of, on the device.

    Attributes:
        tracks: Which tracks.
        labels: Their genres, bool [N, C].
        audio: Spectrograms, or None for a model that hears nothing.
        tokens: Lyrics, or None for a model that reads nothing.
        audio_settings: Crop length and normalisation.
    """

    tracks: Tracks
    labels: Tensor
    audio: AudioBank | None
    tokens: TokenBank | None
    audio_settings: AudioSettings | None

    def batch(self, rows: Tensor, starts: Tensor | None) -> Batch:
        """Make a batch.

        Args:
            rows: Which tracks, int64 [B], on the device.
            starts: First frame of each crop, int64 [B]; unused without audio.
        """
        inputs: dict[str, Tensor] = {}
        if self.audio is not None and starts is not None:
            inputs["audio"] = self._crops(self.audio, rows, starts)
        if self.tokens is not None:
            inputs["tokens"], inputs["token_mask"] = self.tokens.batch(rows)
        return Batch(inputs, self.labels[rows].float())

    def _crops(self, audio: AudioBank, rows: Tensor, starts: Tensor) -> Tensor:
        settings = required(self.audio_settings, "audio")
        raw = audio.fetch(rows, starts, settings.crop_frames)
        return raw.sub_(settings.mean or 0.0).div_(settings.std or 1.0)

    @property
    def _crop_frames(self) -> int:
        return required(self.audio_settings, "audio").crop_frames

    def random_starts(self, rows: Tensor, positions: Tensor) -> Tensor | None:
        """First frames from uniform numbers: 0 is the earliest crop, just below 1 the latest; [B]."""
        if self.audio is None:
            return None
        room = (self.audio.lengths[rows] - self._crop_frames).clamp(min=0)
        return (positions * (room + 1)).long()

    def centre_starts(self, rows: Tensor) -> Tensor | None:
        """First frames of the middle crops, [B]."""
        if self.audio is None:
            return None
        return (self.audio.lengths[rows] - self._crop_frames).clamp(min=0) // 2
