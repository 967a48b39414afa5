"""Vectors of the principal words of lyrics: shards, and the vocabulary that chose the words beside them.

MGC_ELMO_DIR or MGC_BERT decide which network gives the vectors; without either they are those of feature.word_vectors.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from mgc_models.embeddings.open import (
    BACKENDS,
    VARIABLES,
    EmbedderOptions,
    embedder_identity,
    embedder_label,
    embedder_shape,
    lyric_vectors,
    open_embedder,
)
from mgc_models.errors import TokenizerError, WeightsError
from mgc_models.features.config import feature_settings
from mgc_models.features.lyrics.keywords import STOP_WORDS_FILE
from mgc_models.features.lyrics.vocabulary import FILE, read_vocabulary
from pipelines.datasets.common import DatasetError
from pipelines.features.config import LyricFeature
from pipelines.features.lyric_shards import (
    LyricsTask,
    Made,
    lyric_outputs,
    save_vocabulary,
    shards_are_current,
    write_lyric_feature,
)
from pipelines.features.word_vectors import TABLE, usable_lyrics
from pipelines.incremental import Step, part_hash
from pipelines.parallel import Log
from warehouse.locks import locked
from warehouse.shards.writer import FeatureSpec, ShardInfo, open_shard
from warehouse.store import Store, file_sha256, replacing
from warehouse.tables import table_hash
from warehouse.verified import has_sha256

VERSION = 1
SETTINGS = feature_settings("principal_vectors")
STEP = Step(
    "vectors of principal words",
    VERSION,
    files=(STOP_WORDS_FILE,),
    settings=SETTINGS,
    libraries=("numpy", "torch", "transformers", "tokenizers"),
)
OPTIONS = EmbedderOptions(tuple(SETTINGS["bert_layers"]), SETTINGS["bert_pooling"])
TRACKS_PER_SHARD = 1024
SONGS_AT_A_TIME = 32


@dataclass(frozen=True)
class Backend:
    """A source of vectors: name, path or hub name, and the text and hash that stand for it on every machine."""

    name: str
    source: str | None
    label: str
    identity: str


def choose_backend(weights: Mapping[str, str]) -> Backend:
    """The backend that the settings name, or with `auto` the first that is configured.

    Args:
        weights: Path or hub name per pretrained source, as configured.

    Raises:
        DatasetError: if the named one is not configured or its files are not there.
    """
    wanted = SETTINGS["backend"]
    name = next(name for name in BACKENDS if name in weights or name == "static") if wanted == "auto" else wanted
    if name == "static":
        return Backend(name, None, name, "")
    if name not in weights:
        raise DatasetError(
            f"[principal_vectors] backend = {name!r} in specs.toml: expected {VARIABLES[name]} to be set. "
            "Set it, or choose backend = 'auto'."
        )
    try:
        identity = embedder_identity(name, weights[name])
    except WeightsError as error:
        raise DatasetError(str(error)) from error
    return Backend(name, weights[name], embedder_label(name, identity), identity)


def build_principal_vectors(store: Store, feature: LyricFeature, weights: Mapping[str, str], log: Log) -> bool:
    """Give the principal words of all members' lyrics their vectors; returns whether anything was done.

    Shards that are there and were made from the same lyrics and network are not made again.

    Raises:
        DatasetError: if the configured network cannot be used.
    """
    part = lyric_outputs(feature)["feature.shards"]
    with locked(store.root / "state" / f"{part}.lock", log):
        return _build(store, feature, weights, log)


def _build(store: Store, feature: LyricFeature, weights: Mapping[str, str], log: Log) -> bool:
    backend = choose_backend(weights)
    lyrics = part_hash(store, "core.lyrics", feature.lyrics)
    members = table_hash(store, feature.members) if feature.members else ""
    vocabulary = part_hash(store, TABLE, feature.vocabulary.name)
    inputs = STEP.inputs(lyrics, members, vocabulary, backend.name, backend.identity)
    vocabulary_file = store.feature(feature.name, feature.lyrics) / FILE
    if shards_are_current(store, lyric_outputs(feature), vocabulary_file, inputs):
        return False
    sha256, _ = save_vocabulary(store, feature.vocabulary, vocabulary_file, vectors=backend.name == "static")
    spec = _spec(vocabulary_file.parent, feature, backend, sha256)
    texts = usable_lyrics(store, feature.lyrics, feature.members)
    log(f"Principal words of {len(texts):,} lyrics, vectors from {backend.label}: at most {_most_bytes(spec, texts)}.")
    try:
        return write_lyric_feature(
            store,
            feature.lyrics,
            spec,
            texts,
            partial(_make_shard, store, backend),
            beside=vocabulary_file,
            inputs=inputs,
            label="Embedding words",
            log=log,
            tracks_per_shard=TRACKS_PER_SHARD,
            workers=None if backend.name == "static" else 1,  # a network takes the device, or all cores, for itself
        )
    except (WeightsError, TokenizerError) as error:
        raise DatasetError(str(error)) from error


def _spec(folder: Path, feature: LyricFeature, backend: Backend, vocabulary_sha256: str) -> FeatureSpec:
    settings = {
        "backend": backend.name,
        "source": backend.label,
        "words_kept": SETTINGS["words_kept"],
        "stop_words_sha256": file_sha256(STOP_WORDS_FILE),
        "vocabulary": feature.vocabulary.name,
        "vocabulary_sha256": vocabulary_sha256,
    }
    if backend.name == "bert":
        settings |= {"bert_layers": list(OPTIONS.bert_layers), "bert_pooling": OPTIONS.bert_pooling}
    vectors = read_vocabulary(folder, FeatureSpec(feature.name, "float16", 1, settings)).word_vectors
    try:
        layers, dimension = embedder_shape(backend.name, backend.source, vectors, OPTIONS)
    except WeightsError as error:
        raise DatasetError(str(error)) from error
    shape = {"layers": layers, "dimension": dimension}
    return FeatureSpec(feature.name, "float16", layers * dimension, settings | shape)


def _most_bytes(spec: FeatureSpec, texts: list[tuple[str, str]]) -> str:
    """A bound of what the vectors take on the disk, in words."""
    kept = SETTINGS["words_kept"]
    words = sum(min(kept or len(text), len(text.split())) for _, text in texts)
    return f"{words * spec.frame_bytes / 1e9:.1f} GB"


def _make_shard(store: Store, backend: Backend, task: LyricsTask) -> Made:
    """Make a shard, unless a note says that it is there; a worker alone loads the network."""
    note = store.root / "state" / task.spec.name / f"{task.shard.stem}.json"
    fingerprint = STEP.inputs(task.spec.json, task.texts)
    if made := _noted(store, note, fingerprint, task.shard):
        return made
    vocabulary = read_vocabulary(task.shard.parent, task.spec)
    embedder = open_embedder(backend.name, backend.source, vocabulary.word_vectors, OPTIONS)
    lengths = []
    with open_shard(task.shard, task.spec) as shard:
        for start in range(0, len(task.texts), SONGS_AT_A_TIME):
            some = task.texts[start : start + SONGS_AT_A_TIME]
            arrays = lyric_vectors([text for _, text in some], vocabulary, embedder, SETTINGS["words_kept"])
            for (track_id, _), array in zip(some, arrays, strict=True):
                shard.add(track_id, array)
                lengths.append((track_id, len(array)))
    with replacing(note) as temporary:
        content = {"fingerprint": fingerprint, "info": asdict(shard.info), "lengths": lengths}
        temporary.write_text(json.dumps(content) + "\n")
    return shard.info, lengths


def _noted(store: Store, note: Path, fingerprint: str, shard: Path) -> Made | None:
    """Read the note on a shard that is there and was made from the same; None if it has to be made."""
    try:
        content = json.loads(note.read_text())
        info = ShardInfo(**content["info"])
        whole = content["fingerprint"] == fingerprint and has_sha256(store, shard, info.sha256)
        return (info, [(track_id, length) for track_id, length in content["lengths"]]) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
