"""Shared by the features of lyrics: their outputs and when these are current, the vocabulary, and the shards."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mgc_models.features.lyrics.text import words
from mgc_models.features.lyrics.vocabulary import write_vocabulary
from pipelines.features.config import LyricFeature, Vocabulary
from pipelines.features.index import feature_frames, shards_are_whole
from pipelines.features.word_vectors import SETTINGS, TABLE, usable_lyrics
from pipelines.incremental import Outputs, is_current
from pipelines.parallel import Log, map_tasks
from pipelines.tables import read_columns, write_parts
from warehouse.shards.writer import FeatureSpec, ShardInfo
from warehouse.store import Store

TRACKS_PER_SHARD = 4096
Made = tuple[ShardInfo, list[tuple[str, int]]]


@dataclass(frozen=True)
class LyricsTask:
    """One shard to make: its number and place, what it holds, and (track_id, lyrics)."""

    number: int
    shard: Path
    spec: FeatureSpec
    texts: list[tuple[str, str]]


def feature_outputs(name: str, dataset: str) -> Outputs:
    """Table -> part that a feature of one dataset's lyrics fills."""
    part = f"{name}-{dataset}"
    return {"feature.shards": part, "feature.index": part}


def lyric_outputs(feature: LyricFeature) -> Outputs:
    """Table -> part that a feature fills."""
    return feature_outputs(feature.name, feature.lyrics)


def shards_are_current(store: Store, outputs: Outputs, beside: Path, inputs: str) -> bool:
    """Whether the file beside the shards is there, every shard is whole, and all were made from `inputs`."""
    return (
        beside.is_file() and shards_are_whole(store, outputs["feature.shards"]) and is_current(store, outputs, inputs)
    )


def save_vocabulary(store: Store, vocabulary: Vocabulary, path: Path, *, vectors: bool = True) -> tuple[str, str]:
    """Put a vocabulary of feature.word_vectors beside the shards.

    Args:
        store: The store.
        vocabulary: Which.
        path: Where.
        vectors: Whether the words' vectors go with them.

    Returns:
        SHA-256 of the file, and where the vectors are from: `word2vec`, `corpus`, or "" without vectors.
    """
    columns = ["word_index", "word", "vector_source", "vector"]
    rows = read_columns(store, TABLE, vocabulary.name, columns).sort("word_index")
    names = rows["word"].to_list()
    texts = usable_lyrics(store, vocabulary.lyrics, vocabulary.members)
    documents = document_counts([text for _, text in texts], names)
    matrix = np.zeros((len(names), 0), np.float32)
    if vectors:
        width = len(rows["vector"][0]) if names else SETTINGS["dimensions"]
        matrix = rows["vector"].explode(empty_as_null=False).to_numpy().astype(np.float32).reshape(len(names), width)
    sources = set(rows["vector_source"])
    source = "word2vec" if any(name.startswith("word2vec") for name in sources) else "corpus"
    return write_vocabulary(path, names, documents, len(texts), matrix), source if vectors else ""


def document_counts(texts: Sequence[str], names: Sequence[str]) -> list[int]:
    """Count for each word the texts that hold it."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words(text)))
    return [counts[name] for name in names]


def write_lyric_feature(
    store: Store,
    dataset: str,
    spec: FeatureSpec,
    texts: Sequence[tuple[str, str]],
    make: Callable[[LyricsTask], Made],
    *,
    beside: Path,
    inputs: str,
    label: str,
    log: Log,
    tracks_per_shard: int = TRACKS_PER_SHARD,
    workers: int | None = None,
) -> bool:
    """Write the shards of a feature on all cores, remove what else lies in its folder, and write its tables.

    Args:
        store: The store.
        dataset: Whose lyrics.
        spec: The feature.
        texts: (track_id, lyrics), in the order of the shards.
        make: Makes one shard; a module-level function, or a partial of one.
        beside: The file in the folder that the shards are read with.
        inputs: Hash of what all this is made from.
        label: Names the work.
        log: Gets progress.
        tracks_per_shard: At most.
        workers: Worker processes; None: one per core.

    Returns:
        True, for `something was done`.
    """
    tasks = [
        LyricsTask(number, beside.with_name(f"shard-{number:05}.parquet"), spec, list(texts[i : i + tracks_per_shard]))
        for number, i in enumerate(range(0, max(len(texts), 1), tracks_per_shard))
    ]
    results = map_tasks(make, tasks, label=label, size=lambda task: len(task.texts), log=log, workers=workers)
    done = {task.number: result for task, result in results}
    for path in set(beside.parent.iterdir()) - {task.shard for task in tasks} - {beside}:
        path.unlink(missing_ok=True)
    shards, index = feature_frames(store, spec, dataset, [(number, *done[number]) for number in sorted(done)])
    frames = {"feature.shards": shards, "feature.index": index}
    return write_parts(store, feature_outputs(spec.name, dataset), frames, inputs)
