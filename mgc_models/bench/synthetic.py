"""A store of features in the sizes of the thesis' Music4All: random, for timing, or planted, to be learnt."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mgc_models.bench.planted import plant, sounds, words
from mgc_models.data.lyrics import TOKENIZER_FILE
from mgc_models.features.config import FBANK_16K
from mgc_models.features.lyrics.tokens import SPECIAL_TOKENS, save_tokenizer, wordpiece_tokenizer
from warehouse.shards.writer import FeatureSpec, write_shard
from warehouse.store import Store, replacing

DATASET = "music4all"
TRACKS_FILE = "training_inputs/bench.parquet"
_BANDS = 128
_SHARD_TRACKS = 512
_FOLDS = 5
# Lengths of lyrics in tokens: log-normal, so that about six in ten songs fill the thesis' 256.
_MEDIAN_TOKENS = 290
_LOG_SD = 0.5
_Features = tuple[Iterator[NDArray[np.float16]], Iterator[NDArray[np.int32]]]


@dataclass(frozen=True)
class Sizes:
    """Sizes of the generated data.

    Attributes:
        tracks: Number of tracks.
        frames: Frames of each spectrogram; 30 s are 2,998.
        vocabulary: Pieces of the tokenizer.
        genres: Number of genres.
        topics: What the tracks are about (see `planted`); 0: nothing, and nothing can be learnt.
    """

    tracks: int
    frames: int
    vocabulary: int
    genres: int
    topics: int = 0


def write_store(store: Store, sizes: Sizes, seed: int = 0) -> None:
    """Write spectrograms, tokens with their tokenizer, and training inputs of five folds.

    Raises:
        ValueError: if the vocabulary has too few words for the topics.
    """
    ids = [f"t{number:07d}" for number in range(sizes.tracks)]
    random = np.random.default_rng(seed)
    lengths = np.clip(random.lognormal(np.log(_MEDIAN_TOKENS), _LOG_SD, len(ids)), 1, 512).astype(int)
    spectrograms, lyrics = _planted(random, lengths, sizes) if sizes.topics else _random(random, lengths, sizes)
    _write_feature(store, _fbank_spec(), zip(ids, spectrograms, strict=True))
    tokenizer = wordpiece_tokenizer(_pieces(sizes.vocabulary))
    folder = store.feature("lyric_tokens", DATASET)
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, folder / TOKENIZER_FILE)
    sha256 = hashlib.sha256((folder / TOKENIZER_FILE).read_bytes()).hexdigest()
    spec = FeatureSpec("lyric_tokens", "int32", 1, {"tokenizer_sha256": sha256})
    _write_feature(store, spec, zip(ids, lyrics, strict=True))
    _write_training_inputs(store, ids, random, sizes)


def _fbank_spec() -> FeatureSpec:
    return FeatureSpec("fbank_16k", "float16", _BANDS, dict(FBANK_16K))


def _pieces(count: int) -> list[str]:
    return [*SPECIAL_TOKENS, *(f"w{number}" for number in range(count - len(SPECIAL_TOKENS)))]


def _write_feature(store: Store, spec: FeatureSpec, rows: Iterator[tuple[str, NDArray]]) -> None:
    folder = store.feature(spec.name, DATASET)
    folder.mkdir(parents=True, exist_ok=True)
    batch: list[tuple[str, NDArray]] = []
    shard = 0
    for row in rows:
        batch.append(row)
        if len(batch) == _SHARD_TRACKS:
            write_shard(folder / f"shard-{shard:05d}.parquet", spec, batch)
            batch, shard = [], shard + 1
    if batch:
        write_shard(folder / f"shard-{shard:05d}.parquet", spec, batch)


def _planted(random: np.random.Generator, lengths: NDArray[np.int64], sizes: Sizes) -> _Features:
    vocabulary = range(len(SPECIAL_TOKENS), sizes.vocabulary)
    planted = plant(random, sizes.tracks, sizes.topics, _BANDS, vocabulary)
    return sounds(random, planted, sizes.frames), words(random, planted, lengths)


def _random(random: np.random.Generator, lengths: NDArray[np.int64], sizes: Sizes) -> _Features:
    # Random values are slow to draw by the gigabyte: each track is a window on one pool of them.
    pool = random.normal(-5.081, 4.4849, (4 * sizes.frames, _BANDS)).astype(np.float16)
    firsts = random.integers(0, 3 * sizes.frames, sizes.tracks).tolist()
    first_word = len(SPECIAL_TOKENS)
    lyrics = (random.integers(first_word, sizes.vocabulary, length, dtype=np.int32) for length in lengths.tolist())
    return (pool[first : first + sizes.frames] for first in firsts), lyrics


def _write_training_inputs(store: Store, ids: list[str], random: np.random.Generator, sizes: Sizes) -> None:
    labels = [sorted(set(random.integers(0, sizes.genres, 3).tolist())) for _ in ids]
    table = pa.table(
        {
            "track_id": pa.array(ids),
            "labels": pa.array(labels, pa.list_(pa.int32())),
            "fold": pa.array(np.arange(len(ids), dtype=np.int32) % _FOLDS),
            "kept_by_drop_samples": pa.array([True] * len(ids)),
        }
    ).replace_schema_metadata({"genres": json.dumps([f"genre {number}" for number in range(sizes.genres)])})
    path: Path = store.root / TRACKS_FILE
    with replacing(path) as temporary:
        pq.write_table(table, temporary)
