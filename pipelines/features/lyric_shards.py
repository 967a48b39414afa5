"""What the features of lyrics share: the lyrics themselves, the vocabulary beside the shards, and shards in parts."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mgc_models.features.lyrics.text import words
from mgc_models.features.lyrics.vocabulary import write_vocabulary
from pipelines.features.config import LyricFeature, Vocabulary
from pipelines.features.word_vectors import SETTINGS, TABLE, usable_lyrics
from pipelines.incremental import Outputs
from pipelines.parallel import Log, map_tasks
from pipelines.tables import read_columns
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


def lyric_outputs(feature: LyricFeature) -> Outputs:
    """Table -> part that a feature fills."""
    part = f"{feature.name}-{feature.lyrics}"
    return {"feature.shards": part, "feature.index": part}


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
    """How many texts hold each word."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(words(text)))
    return [counts[name] for name in names]


def write_lyric_shards(
    folder: Path,
    spec: FeatureSpec,
    texts: Sequence[tuple[str, str]],
    make: Callable[[LyricsTask], Made],
    label: str,
    log: Log,
) -> list[tuple[int, ShardInfo, list[tuple[str, int]]]]:
    """Write every shard on all cores with `make`, a module-level function, and remove other shards of the folder."""
    tasks = [
        LyricsTask(number, folder / f"shard-{number:05}.parquet", spec, list(texts[start : start + TRACKS_PER_SHARD]))
        for number, start in enumerate(range(0, max(len(texts), 1), TRACKS_PER_SHARD))
    ]
    done = {
        task.number: result
        for task, result in map_tasks(make, tasks, label=label, size=lambda task: len(task.texts), log=log)
    }
    remove_other_shards(folder, {task.shard for task in tasks})
    return [(number, *done[number]) for number in sorted(done)]


def remove_other_shards(folder: Path, wanted: set[Path]) -> None:
    """Remove shards that are no longer planned and what killed workers left half written."""
    for path in set(folder.glob("*shard-*")) - wanted:
        path.unlink(missing_ok=True)
