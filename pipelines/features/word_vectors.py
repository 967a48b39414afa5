"""Word vectors of each vocabulary: those of MGC_WORD2VEC, else counted from the lyrics (docs/decisions/lyrics.md)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mgc_models.features.config import feature_settings
from mgc_models.features.lyrics.text import words
from pipelines.datasets.common import DatasetError
from pipelines.datasets.files import entry
from pipelines.features.config import Vocabulary
from pipelines.incremental import Outputs, Step, note_inputs, part_hash, raw_is_current
from pipelines.parallel import Log
from pipelines.tables import read_frame, write_parts
from warehouse.store import Store, file_sha256
from warehouse.tables import table_hash

VERSION = 1
TABLE = "feature.word_vectors"
SETTINGS = feature_settings("word_vectors")
STEP = Step("word vectors", VERSION, settings=SETTINGS, libraries=("numpy", "scipy", "scikit-learn"))
SCHEMA: dict[str, Any] = {
    "vocabulary": pl.String,
    "word_index": pl.Int32,
    "word": pl.String,
    "occurrences": pl.Int64,
    "vector_source": pl.String,
    "vector": pl.List(pl.Float32),
}
Vectors = tuple[NDArray[np.float32], list[str]]


def outputs(vocabulary: Vocabulary) -> Outputs:
    """Table -> part that a vocabulary fills."""
    return {TABLE: vocabulary.name}


def build_word_vectors(store: Store, vocabulary: Vocabulary, word2vec: str | None, log: Log) -> bool:
    """Count a vocabulary and give its words vectors, if anything changed; returns whether anything was done.

    Args:
        store: The store.
        vocabulary: Whose lyrics count.
        word2vec: A word2vec binary file; None: vectors are counted from the same lyrics.
        log: Gets progress.

    Raises:
        DatasetError: if the file cannot be used.
    """
    stage = f"word_vectors-{vocabulary.name}"
    file = Path(word2vec).expanduser() if word2vec else None
    lyrics = part_hash(store, "core.lyrics", vocabulary.lyrics)
    members = table_hash(store, vocabulary.members) if vocabulary.members else ""
    look = [entry(file).bytes, entry(file).mtime_ns, str(file)] if file else []
    seen = STEP.inputs(lyrics, members, look)
    if raw_is_current(store, stage, seen, outputs(vocabulary)):
        return False
    texts = [text for _, text in usable_lyrics(store, vocabulary.lyrics, vocabulary.members)]
    counted = count_words(texts)
    log(f"Word vectors of {vocabulary.name}: {len(counted):,} words from {len(texts):,} lyrics.")
    names = [word for word, _ in counted]
    vectors, sources = file_vectors(file, names) if file else corpus_vectors(texts, names)
    frame = pl.DataFrame(
        {
            "vocabulary": [vocabulary.name] * len(names),
            "word_index": range(len(names)),
            "word": names,
            "occurrences": [count for _, count in counted],
            "vector_source": sources,
            "vector": list(vectors),
        },
        SCHEMA,
    )
    inputs = STEP.inputs(lyrics, members, file_sha256(file) if file else "")
    write_parts(store, outputs(vocabulary), {TABLE: frame}, inputs)
    note_inputs(store, stage, seen, inputs)
    return True


def usable_lyrics(store: Store, dataset: str, members: str | None = None) -> list[tuple[str, str]]:
    """Track id and lyrics of a dataset's tracks with usable ones, sorted; of those in table `members`, if given."""
    lyrics = read_frame(store, "core.lyrics", dataset).filter(pl.col("lyrics_status") == "ok")
    if members:
        lyrics = lyrics.filter(pl.col("track_id").is_in(read_frame(store, members)["track_id"].to_list()))
    return list(lyrics.sort("track_id").select("track_id", "lyrics").iter_rows())


def count_words(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Words with their counts, most frequent first, ties by the word; as many as the settings allow."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    kept = [(word, count) for word, count in counts.items() if count >= SETTINGS["least_count"]]
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))[: SETTINGS["vocabulary_size"]]


def corpus_vectors(texts: Iterable[str], names: Sequence[str]) -> Vectors:
    """Vectors float32 `[V, D]` counted from lyrics, on average as long as random ones."""
    from mgc_models.features.lyrics.word_vectors import RANDOM_LIMIT  # noqa: PLC0415
    from pipelines.features.ppmi import cooccurrences, ppmi, svd_vectors  # noqa: PLC0415

    if not names:
        return np.zeros((0, SETTINGS["dimensions"]), np.float32), []
    places = {word: place for place, word in enumerate(names)}
    matrix = ppmi(cooccurrences(texts, places, SETTINGS["window_words"]), SETTINGS["context_power"])
    vectors = svd_vectors(matrix, SETTINGS["dimensions"], SETTINGS["seed"])
    known = np.abs(vectors).max(axis=1) > 0
    if known.any():
        spread = float(np.sqrt(np.square(vectors[known], dtype=np.float64).mean()))
        vectors *= np.float32(RANDOM_LIMIT / 3**0.5 / spread)
    return _filled(vectors, names, ["corpus" if there else "random" for there in known])


def file_vectors(file: Path, names: Sequence[str]) -> Vectors:
    """Vectors float32 `[V, D]` of a word2vec file, with what each was found as."""
    from mgc_models.errors import WeightsError  # noqa: PLC0415
    from mgc_models.features.lyrics.word2vec import read_word2vec  # noqa: PLC0415

    spellings = {word: _spellings(word) for word in names}
    try:
        dimensions, found = read_word2vec(file, {spelling for tried in spellings.values() for spelling, _ in tried})
    except WeightsError as error:
        raise DatasetError(str(error)) from error
    vectors, sources = np.zeros((len(names), dimensions), np.float32), []
    for row, word in enumerate(names):
        spelling, source = next((pair for pair in spellings[word] if pair[0] in found), ("", "random"))
        vectors[row] = found.get(spelling, 0)
        sources.append(source)
    return _filled(vectors, names, sources)


def _spellings(word: str) -> list[tuple[str, str]]:
    """Spellings of a lower-case word to look for, best first, and what the vector's source is then called."""
    digits = "".join("#" if letter.isdigit() else letter for letter in word)
    tried = [(word, "word2vec")]
    tried += [(other, "word2vec_other_case") for other in (word.capitalize(), word.upper()) if other != word]
    return [*tried, (digits, "word2vec_digits")] if digits != word else tried


def _filled(vectors: NDArray[np.float32], names: Sequence[str], sources: list[str]) -> Vectors:
    from mgc_models.features.lyrics.word_vectors import random_vector  # noqa: PLC0415

    for row, (word, source) in enumerate(zip(names, sources, strict=True)):
        if source == "random":
            vectors[row] = random_vector(word, vectors.shape[1])
    return vectors, sources


def summary(store: Store, vocabulary: Vocabulary) -> dict[str, Any]:
    """Words by the source of their vectors."""
    rows = read_frame(store, TABLE).filter(pl.col("vocabulary") == vocabulary.name)
    return {
        f"{vocabulary.name} {source}": count
        for source, count in rows["vector_source"].value_counts().sort("vector_source").rows()
    }
