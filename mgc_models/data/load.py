"""Loads what the batches of a run are made of; what the last run used is kept for the next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from mgc_models.config.inputs import INPUTS
from mgc_models.config.run import Settings, required
from mgc_models.config.sections import AudioSettings
from mgc_models.data.batches import Normalizer, TrackData
from mgc_models.data.features import stored_feature
from mgc_models.data.frames import FrameStore
from mgc_models.data.inputs import OPENERS, Table
from mgc_models.data.shape import DataShape
from mgc_models.data.tracks import Tracks
from warehouse.shards.reader import open_feature
from warehouse.store import Store

_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class CorpusSlice:
    """Tracks of one dataset; `origin` tells apart what a cache may keep: path of the tracks file, fold left out."""

    dataset: str
    tracks: Tracks
    origin: str


@dataclass
class Cache:
    """Keeps what the last run read, one thing per kind, on the device for the next one that reads the same."""

    kept: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def get(self, kind: str, key: Any, make: Callable[[], _Kept]) -> _Kept:
        """Give what was made for the same key before, else what `make` gives."""
        if kind not in self.kept or self.kept[kind][0] != key:
            self.kept.pop(kind, None)  # first makes room for what follows
            self.kept[kind] = key, make()
        found: _Kept = self.kept[kind][1]
        return found


@dataclass(frozen=True)
class DataContext:
    """The store and the device that features are loaded from and to."""

    store: Store
    device: torch.device
    cache: Cache


def load_data(
    settings: Settings, parts: Sequence[CorpusSlice], fitted_on: NDArray[np.int64], context: DataContext
) -> TrackData:
    """Read what the model takes, for the tracks of one or more datasets.

    Args:
        settings: Of the run; the model's inputs say what is read.
        parts: The tracks; rows count through all parts.
        fitted_on: Rows that a normalizer may be computed from.
        context: Store, device, cache.

    Raises:
        DataError, ShardError, TokenizerError: if a feature is missing or does not fit.
    """
    tables: dict[str, Any] = {name: _opened(name, settings, parts, context) for name in settings.model.inputs}
    tracks = parts[0].tracks if len(parts) == 1 else _all_tracks(parts)
    audio: FrameStore | None = tables.get("audio")
    return TrackData(
        tracks=tracks,
        labels=torch.from_numpy(tracks.labels).to(context.device),
        normalizer=_normaliser(settings, audio, parts, fitted_on, context) if audio else None,
        audio_settings=settings.audio,
        **tables,
    )


def _all_tracks(parts: Sequence[CorpusSlice]) -> Tracks:
    """Tracks of several corpora, whose genres have nothing in common: without labels."""
    ids = tuple(track_id for part in parts for track_id in part.tracks.ids)
    none = np.full(len(ids), -1, dtype=np.int64)
    return Tracks(ids, np.zeros((len(ids), 0), dtype=bool), none, np.ones(len(ids), dtype=bool), (), none)


def _opened(name: str, settings: Settings, parts: Sequence[CorpusSlice], context: DataContext) -> Table:
    """The table of one input, as the last run had it where that read the same."""
    section = settings.input_section(name)

    def read() -> Table:
        readers = [
            (open_feature(context.store.feature(section.feature, part.dataset)), part.tracks.ids) for part in parts
        ]
        return OPENERS[name](stored_feature(readers, may_lack=INPUTS[name].optional), section, context.device)

    # Whatever their crops and normalisation, runs share the spectrograms.
    return context.cache.get(name, _key(section.feature if name == "audio" else section, parts), read)


def _key(section: Any, parts: Sequence[CorpusSlice]) -> tuple[Any, ...]:
    return section, tuple((part.dataset, part.origin) for part in parts)


def _normaliser(
    settings: Settings,
    audio: FrameStore,
    parts: Sequence[CorpusSlice],
    fitted_on: NDArray[np.int64],
    context: DataContext,
) -> Normalizer:
    section = required(settings.audio, "audio")
    if section.standardise == "fixed":
        return Normalizer(required_number(section, "mean"), required_number(section, "std"))
    key = (*_key(section.feature, parts), fitted_on.tobytes())
    mean, std = context.cache.get("bands", key, lambda: audio.statistics(fitted_on))
    return Normalizer(*(torch.from_numpy(values).float().to(context.device) for values in (mean, std)))


def required_number(section: AudioSettings, name: str) -> float:
    """`mean` or `std` of an audio section that has them."""
    return float(required(getattr(section, name), f"audio.{name}"))


def data_sizes(data: TrackData) -> DataShape:
    """Give what the data say about the shape of a model; 0 genres for a pretraining."""
    return DataShape(
        n_genres=data.labels.shape[1],
        n_bands=data.audio.spec.width if data.audio else None,
        n_frames=data.crop_frames if data.audio else None,
        vocab_size=data.tokens.vocab_size if data.tokens else None,
        word_table=data.words.table if data.words else None,
        word_source=data.words.spec.settings.get("vector_source") if data.words else None,
        vector_layers=data.word_vectors.layers if data.word_vectors else None,
        vector_width=data.word_vectors.dimension if data.word_vectors else None,
        vector_source=data.word_vectors.spec.settings.get("source") if data.word_vectors else None,
    )
