"""Turns the files of songs into batches of a model: the features of training, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mgc_models.config.inputs import INPUTS
from mgc_models.data.batches import TrackData
from mgc_models.data.features import FeatureView
from mgc_models.data.inputs import OPENERS
from mgc_models.data.tracks import Tracks
from mgc_models.embeddings.open import lyric_vectors
from mgc_models.features.lyrics.tokens import encode
from mgc_models.features.lyrics.word_vectors import PAD, UNKNOWN, line_rows
from mgc_models.predict.songs import Song, read_lyrics, read_spectrogram
from mgc_models.predict.trained import TrainedModel
from warehouse.shards.writer import DTYPES, FeatureSpec


@dataclass(frozen=True, eq=False)
class ReadSong:
    """A song as a model takes it.

    Attributes:
        song: Its files.
        features: An array for each input of the model that the song has, as the shards of training hold it.
        lyrics: The text that was read; None if none was.
        notes: What is unusual about it.
    """

    song: Song
    features: dict[str, NDArray]
    lyrics: str | None
    notes: tuple[str, ...]

    @property
    def parts(self) -> frozenset[str]:
        """The parts that were read: `audio`, `lyrics` or both."""
        return frozenset(INPUTS[name].modality for name in self.features)

    def only(self, parts: frozenset[str]) -> "ReadSong":
        """The song without its other parts."""
        kept = {name: feature for name, feature in self.features.items() if INPUTS[name].modality in parts}
        return replace(self, features=kept)


def read_song(song: Song, trained: TrainedModel, parts: frozenset[str]) -> ReadSong:
    """Read those parts of a song that a model should be given.

    Raises:
        SongError: if a file cannot be used.
    """
    features: dict[str, NDArray] = {}
    notes: tuple[str, ...] = ()
    text = None
    inputs = trained.metadata.inputs
    if song.audio is not None and "audio" in parts:
        features["audio"], notes = read_spectrogram(song.audio, inputs["audio"].spec.settings)
    if song.lyrics is not None and "lyrics" in parts:
        text = read_lyrics(song.lyrics)
        features |= {name: _lyrics_feature(name, text, trained) for name in inputs if INPUTS[name].modality == "lyrics"}
        notes += _unknown_words(features)
    return ReadSong(song, features, text, notes)


def _unknown_words(features: Mapping[str, NDArray]) -> tuple[str, ...]:
    """A note where most words are none of the model's vocabulary, so that it hardly read the lyrics."""
    rows = features.get("words", np.empty(0))
    spoken, unknown = int((rows != PAD).sum()), int((rows == UNKNOWN).sum())
    return (f"the model knows {spoken - unknown} of {spoken} words of the lyrics",) if 2 * unknown > spoken else ()


def _lyrics_feature(name: str, text: str, trained: TrainedModel) -> NDArray:
    one = trained.metadata.inputs[name]
    if name == "tokens":
        return encode(trained.tokenizer, text, one.spec.settings["max_tokens"]).reshape(-1, 1)
    if name == "words":
        return line_rows(text, trained.vocabulary.word_vectors, one.spec.settings["lines"], one.spec.width)
    (vectors,) = lyric_vectors([text], trained.vocabulary, trained.embedder, one.spec.settings["words_kept"])
    return vectors


@dataclass(frozen=True, eq=False)
class _Arrays:
    """Features of songs in the form of a stored feature; the id of a song is its place."""

    folder: Path
    spec: FeatureSpec
    arrays: Sequence[NDArray]

    def read(self, track_id: str, start: int = 0, length: int | None = None) -> NDArray:
        """Part of a song."""
        found = self.arrays[int(track_id)]
        return found[start : None if length is None else start + length]


def track_data(songs: Sequence[ReadSong], trained: TrainedModel) -> TrackData:
    """Give what batches of some songs are made of; either all or none of them have audio, or tokens.

    The tables are those of training, so that crops, normalisation and special tokens are too.
    """
    device, inputs, genres = trained.device, trained.metadata.inputs, trained.metadata.genres
    names = [name for name in inputs if name in songs[0].features or INPUTS[name].optional]
    tables: dict[str, Any] = {
        name: OPENERS[name](_stored(name, songs, trained), inputs[name].section, device) for name in names
    }
    none, nowhere = np.zeros((len(songs), len(genres)), dtype=bool), np.full(len(songs), -1, dtype=np.int64)
    kept = np.ones(len(songs), dtype=bool)
    return TrackData(
        tracks=Tracks(tuple(song.song.name for song in songs), none, nowhere, kept, genres, nowhere),
        labels=torch.from_numpy(none).to(device),
        normalizer=trained.normalizer if "audio" in tables else None,
        audio_settings=inputs["audio"].section if "audio" in tables else None,
        **tables,
    )


def _stored(name: str, songs: Sequence[ReadSong], trained: TrainedModel) -> FeatureView:
    spec = trained.metadata.inputs[name].spec
    arrays = [song.features.get(name, np.empty((0, spec.width), DTYPES[spec.dtype])) for song in songs]
    return FeatureView(
        spec=spec,
        readers=(_Arrays(trained.run.folder, spec, arrays),),
        track_ids=tuple(map(str, range(len(songs)))),
        owners=np.zeros(len(songs), dtype=np.int64),
        lengths=np.array([len(array) for array in arrays], dtype=np.int64),
    )
