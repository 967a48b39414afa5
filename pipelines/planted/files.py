"""The files of a planted corpus as training reads them: two features in shards, and the training inputs."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mgc_models.features.lyrics.tokens import SPECIAL_TOKENS, save_tokenizer, wordpiece_tokenizer
from pipelines.experiments import TrainingData
from pipelines.genres.correlation import READINGS, genre_graph, name_cosine, ngram_vectors
from pipelines.incremental import Step, make_file
from pipelines.planted.bounds import bounds
from pipelines.planted.corpus import TRAIN, PlantedCorpus
from pipelines.planted.worlds import SCHEME, World
from pipelines.training.inputs import FOLDER, HASH_DIGITS, Correlations
from warehouse.shards.writer import FeatureSpec, write_shard
from warehouse.store import Store, file_sha256, replacing

AUDIO, TEXT = "planted_spectrogram", "planted_tokens"
VERSION = 2
STEP = Step("planted corpora", VERSION, libraries=("numpy",))


def drawn_data(world: World, seed: int) -> TrainingData:
    """What a run on the corpus of a seed reads, named by what the corpus is drawn from; nothing is drawn."""
    drawn_from = STEP.inputs(repr(world), seed)[:HASH_DIGITS]
    parts = dict(enumerate(world.settings["parts"].values()))
    place = f"{FOLDER}/{drawn_from}.parquet"
    return TrainingData(world.name, f"{world.name}_{seed:02d}", SCHEME, drawn_from, place, parts)


def drawn_bounds(store: Store, world: World, seed: int) -> dict[str, float]:
    """How well the genres of the corpus of a seed could be told (`pipelines.planted.bounds`), as it was written."""
    found: dict[str, float] = json.loads(_bounds_file(store, drawn_data(world, seed)).read_text(encoding="utf-8"))
    return found


def _bounds_file(store: Store, data: TrainingData) -> Path:
    return store.root / "bounds" / f"{data.corpus_hash}.json"


def write_drawn(store: Store, world: World, seed: int) -> bool:
    """Draw the corpus of a seed and write its files, unless they are there; returns whether anything was done."""
    data = drawn_data(world, seed)
    return make_file(store, store.root / data.tracks, data.corpus_hash, partial(_write, store, world, seed, data))


def _write(store: Store, world: World, seed: int, data: TrainingData) -> None:
    corpus = world.drawn(seed)
    ids = [f"track{number:06d}" for number in range(len(corpus.parts))]
    audio = FeatureSpec(AUDIO, "float16", corpus.frames.shape[2], {"planted": data.dataset})
    write_shard(store.feature(AUDIO, data.dataset) / "shard-00000.parquet", audio, zip(ids, corpus.frames, strict=True))
    text = store.feature(TEXT, data.dataset)
    vocabulary = [*SPECIAL_TOKENS, *(f"word{number}" for number in range(corpus.words))]
    save_tokenizer(wordpiece_tokenizer(vocabulary), text / "tokenizer.json")
    spec = FeatureSpec(TEXT, "int32", 1, {"tokenizer_sha256": file_sha256(text / "tokenizer.json")})
    tokens = corpus.tokens + len(SPECIAL_TOKENS)
    write_shard(text / "shard-00000.parquet", spec, zip(ids, tokens, strict=True))
    with replacing(_bounds_file(store, data)) as temporary:
        temporary.write_text(json.dumps(bounds(corpus)), encoding="utf-8")
    _write_inputs(store.root / data.tracks, corpus, ids, genre_weights(world, corpus))


def genre_weights(world: World, corpus: PlantedCorpus) -> Correlations:
    """The genre graph of the training part, by the project's own rules."""
    own = corpus.labels[corpus.parts == TRAIN]
    members = [[corpus.genres[place] for place in np.flatnonzero(row)] for row in own]
    cosine = name_cosine(ngram_vectors(corpus.genres))
    graph = genre_graph(members, corpus.genres, cosine, world.corpus.correlation)
    readings = {"corpus": graph.weight, **{name: getattr(graph, f"weight_{name}") for name in READINGS}}
    return {name: {"0": matrix.tolist()} for name, matrix in readings.items()}


def _write_inputs(path: Path, corpus: PlantedCorpus, ids: list[str], weights: Correlations) -> None:
    table = pa.table(
        {
            "track_id": ids,
            "labels": pa.array([np.flatnonzero(row).tolist() for row in corpus.labels], pa.list_(pa.int32())),
            "fold": pa.array(corpus.parts, pa.int32()),
            "kept_by_drop_samples": np.ones(len(ids), dtype=bool),
        }
    )
    metadata = {"genres": json.dumps(corpus.genres), "genre_correlation": json.dumps(weights)}
    with replacing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary)
