"""A store with random features in the sizes of the thesis' Music4All, for timing: nothing in it can be learnt."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

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


@dataclass(frozen=True)
class Sizes:
    """Sizes of the generated data.

    Attributes:
        tracks: Number of tracks.
        frames: Frames of each spectrogram; 30 s are 2,998.
        vocabulary: Pieces of the tokenizer.
        genres: Number of genres.
    """

    tracks: int
    frames: int
    vocabulary: int
    genres: int


def write_store(store: Store, sizes: Sizes, seed: int = 0) -> None:
    """Write spectrograms, tokens with their tokenizer, and training inputs of five folds."""
    ids = [f"t{number:07d}" for number in range(sizes.tracks)]
    random = np.random.default_rng(seed)
    _write_feature(store, _fbank_spec(), _spectrograms(random, ids, sizes))
    tokenizer = wordpiece_tokenizer(_pieces(sizes.vocabulary))
    folder = store.feature("lyric_tokens", DATASET)
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, folder / TOKENIZER_FILE)
    sha256 = hashlib.sha256((folder / TOKENIZER_FILE).read_bytes()).hexdigest()
    spec = FeatureSpec("lyric_tokens", "int32", 1, {"tokenizer_sha256": sha256})
    _write_feature(store, spec, _lyrics(random, ids, sizes))
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


def _spectrograms(random: np.random.Generator, ids: list[str], sizes: Sizes) -> Iterator[tuple[str, NDArray]]:
    # Random values are slow to draw by the gigabyte: each track is a window on one pool of them.
    pool = random.normal(-5.081, 4.4849, (4 * sizes.frames, _BANDS)).astype(np.float16)
    for track_id in ids:
        first = int(random.integers(0, 3 * sizes.frames))
        yield track_id, pool[first : first + sizes.frames]


def _lyrics(random: np.random.Generator, ids: list[str], sizes: Sizes) -> Iterator[tuple[str, NDArray]]:
    lengths = np.clip(random.lognormal(np.log(_MEDIAN_TOKENS), _LOG_SD, len(ids)), 1, 512).astype(int)
    for track_id, length in zip(ids, lengths.tolist(), strict=True):
        yield track_id, random.integers(len(SPECIAL_TOKENS), sizes.vocabulary, length, dtype=np.int32)


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
