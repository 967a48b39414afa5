"""Lyrics as lines of word numbers: shards, and the vocabulary with its vectors beside them."""

from mgc_models.features.config import feature_settings
from mgc_models.features.lyrics.vocabulary import FILE, read_vocabulary
from mgc_models.features.lyrics.word_vectors import line_rows
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
from warehouse.shards.writer import FeatureSpec, write_shard
from warehouse.store import Store

VERSION = 1
LINES, WORDS_PER_LINE = (feature_settings("lyric_lines")[name] for name in ("lines", "words_per_line"))
STEP = Step("lyric lines", VERSION, settings={"lines": LINES, "words_per_line": WORDS_PER_LINE})


def build_lyric_lines(store: Store, feature: LyricFeature, log: Log) -> bool:
    """Number the words of all usable lyrics if they or the vocabulary changed; returns whether anything was done."""
    part = lyric_outputs(feature)["feature.shards"]
    with locked(store.root / "state" / f"{part}.lock", log):
        return _build(store, feature, log)


def _build(store: Store, feature: LyricFeature, log: Log) -> bool:
    lyrics = part_hash(store, "core.lyrics", feature.lyrics)
    vocabulary = part_hash(store, TABLE, feature.vocabulary.name)
    inputs = STEP.inputs(lyrics, vocabulary)
    vocabulary_file = store.feature(feature.name, feature.lyrics) / FILE
    if shards_are_current(store, lyric_outputs(feature), vocabulary_file, inputs):
        return False
    sha256, source = save_vocabulary(store, feature.vocabulary, vocabulary_file)
    spec = FeatureSpec(
        feature.name,
        "int32",
        WORDS_PER_LINE,
        {"lines": LINES, "vocabulary": feature.vocabulary.name, "vocabulary_sha256": sha256, "vector_source": source},
    )
    return write_lyric_feature(
        store,
        feature.lyrics,
        spec,
        usable_lyrics(store, feature.lyrics),
        _make_shard,
        beside=vocabulary_file,
        inputs=inputs,
        label=f"Lines of {feature.lyrics}",
        log=log,
    )


def _make_shard(task: LyricsTask) -> Made:
    vocabulary = read_vocabulary(task.shard.parent, task.spec).word_vectors
    arrays = [(track_id, line_rows(text, vocabulary, LINES, WORDS_PER_LINE)) for track_id, text in task.texts]
    return write_shard(task.shard, task.spec, arrays), [(track_id, len(rows)) for track_id, rows in arrays]
