"""Songs through a model, many at a time; a song that cannot be read stops no other."""

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgc_models.errors import SongError
from mgc_models.evaluation.inference import predict_logits
from mgc_models.execution.run_log import EventLog
from mgc_models.execution.runtime import Runtime
from mgc_models.predict.inputs import ReadSong, read_song, track_data
from mgc_models.predict.problems import Failure
from mgc_models.predict.runs import in_words
from mgc_models.predict.songs import Song
from mgc_models.predict.trained import TrainedModel

SONGS_AT_A_TIME = 32
_CROPS_AT_A_TIME = 16


@dataclass(frozen=True, eq=False)
class Prediction:
    """The logits of a model for a song.

    Attributes:
        read: The song as the model was given it.
        logits: Of the genres, float32 `[C]`.
        parts: What the model was given of it.
    """

    read: ReadSong
    logits: NDArray[np.float32]
    parts: frozenset[str]


def classify(songs: Sequence[Song], trained: TrainedModel, crops: str) -> Iterator[Prediction | Failure]:
    """Classify songs; the answers come in their order.

    Args:
        songs: The songs.
        trained: The model.
        crops: The part of a clip that is used: `centre`, or the mean over `all`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(songs), SONGS_AT_A_TIME):
            read = list(pool.map(lambda song: _read(song, trained), songs[first : first + SONGS_AT_A_TIME]))
            yield from _classified(read, trained, crops)


def _read(song: Song, trained: TrainedModel) -> ReadSong | Failure:
    parts = next((parts for parts in trained.run.takes if parts <= song.parts), None)
    if parts is None:
        needed = " or ".join(map(in_words, trained.run.takes))
        return Failure(song, f"{song.name}: the model needs {needed}; there is {in_words(song.parts)}")
    try:
        return read_song(song, trained, parts)
    except SongError as error:
        return Failure(song, str(error))


def _classified(
    read: Sequence[ReadSong | Failure], trained: TrainedModel, crops: str
) -> Iterator[Prediction | Failure]:
    found: dict[int, Prediction] = {}
    groups: dict[frozenset[str], list[int]] = {}
    for place, one in enumerate(read):
        if isinstance(one, ReadSong):
            groups.setdefault(one.parts, []).append(place)
    for parts, places in groups.items():
        together = [one for place in places if isinstance(one := read[place], ReadSong)]
        logits = logits_of(together, trained, crops)
        for place, one, values in zip(places, together, logits, strict=True):
            found[place] = Prediction(one, values, parts)
    for place, one in enumerate(read):
        yield one if isinstance(one, Failure) else found[place]


def logits_of(songs: Sequence[ReadSong], trained: TrainedModel, crops: str) -> NDArray[np.float32]:
    """Logits `[n, C]` of songs of which the model is given the same parts, by the function of evaluation."""
    data = track_data(songs, trained)
    rows = np.arange(len(songs))
    runtime = Runtime(
        device=trained.device,
        log=logging.getLogger(__name__),
        events=EventLog(Path(os.devnull), writes=False),
        resume_path=Path(os.devnull),
        checkpoint_every_s=0.0,
        compile=False,
        stop=lambda: None,
    )
    return predict_logits(trained.network, data, rows, crops, _CROPS_AT_A_TIME, runtime, trained.run.run_id)


def probabilities(logits: NDArray[np.float32], *, single_label: bool) -> NDArray[np.float64]:
    """Softmax of logits `[C]` for one genre per track, else the sigmoid of each."""
    wide = logits.astype(np.float64)
    if single_label:
        shares = np.exp(wide - wide.max())
        return np.asarray(shares / shares.sum())
    return np.asarray(np.exp(-np.logaddexp(0.0, -wide)))
