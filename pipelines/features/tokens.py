"""Lyrics as WordPiece tokens: shards, and the tokenizer they were made with beside them.

Music4All decides the vocabulary; the lyrics that a matched corpus takes from elsewhere get the same one.

The tokenizers library is imported where it is used, so that a run with nothing to do starts fast.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mgc_models.features.config import feature_settings
from pipelines.corpora.config import Corpus
from pipelines.datasets import music4all
from pipelines.datasets.common import DatasetError
from pipelines.features.lyric_shards import LyricsTask, Made, feature_outputs, shards_are_current, write_lyric_feature
from pipelines.features.word_vectors import usable_lyrics
from pipelines.incremental import Outputs, Step, part_hash
from pipelines.parallel import Log
from pipelines.tables import read_frame
from warehouse.locks import locked
from warehouse.shards.writer import FeatureSpec, write_shard
from warehouse.store import Store, file_sha256, replacing

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VERSION = 1
FEATURE = "lyric_tokens"
TOKENIZER_FILE = "tokenizer.json"
MAX_TOKENS, VOCABULARY_SIZE = (feature_settings(FEATURE)[name] for name in ("max_tokens", "vocabulary_size"))
STEP = Step(
    "lyric tokens",
    VERSION,
    settings={"max_tokens": MAX_TOKENS, "vocabulary_size": VOCABULARY_SIZE},
    libraries=("tokenizers",),
)


def part_of(dataset: str) -> str:
    """Part of the feature tables that the tokens of a dataset have."""
    return f"{FEATURE}-{dataset}"


def outputs_of(dataset: str) -> Outputs:
    """Table -> part that the tokens of a dataset write."""
    return feature_outputs(FEATURE, dataset)


def build_tokens(store: Store, bert: str | None, log: Log) -> bool:
    """Tokenise Music4All's usable lyrics if they or the tokenizer changed; returns whether anything was done.

    Args:
        store: The store.
        bert: Folder or hub name of a BERT checkpoint; None: a vocabulary is counted from the lyrics of corpus.m4a.
        log: Gets progress.

    Raises:
        DatasetError: if the checkpoint has no tokenizer that can be read.
    """
    with locked(store.root / "state" / f"{part_of(music4all.DATASET)}.lock", log):
        return _build(store, bert, log)


def build_matched_tokens(store: Store, corpus: Corpus, log: Log) -> bool:
    """Tokenise the lyrics that a corpus takes from the songs it is matched with, by Music4All's tokenizer.

    Training on both corpora then reads one vocabulary (jiang2024, Table 6.5: m4a and msd).

    Args:
        store: The store, with the tokens of Music4All.
        corpus: A corpus that names a matched dataset.
        log: Gets progress.

    Returns:
        Whether anything was done.
    """
    tokenizer = store.feature(FEATURE, music4all.DATASET) / TOKENIZER_FILE
    members, lyrics = f"corpus.{corpus.name}", corpus.match.dataset
    sources = [part_hash(store, members), part_hash(store, "core.lyrics", lyrics), file_sha256(tokenizer)]
    inputs = STEP.inputs(sources)
    with locked(store.root / "state" / f"{part_of(corpus.dataset)}.lock", log):
        target = store.feature(FEATURE, corpus.dataset) / TOKENIZER_FILE
        if shards_are_current(store, outputs_of(corpus.dataset), target, inputs):
            return False
        songs = pl.DataFrame(usable_lyrics(store, lyrics), ["matched_track_id", "lyrics"], orient="row")
        pairs = read_frame(store, members).select("track_id", "matched_track_id").join(songs, on="matched_track_id")
        with replacing(target) as temporary:
            shutil.copyfile(tokenizer, temporary)
        texts = list(pairs.sort("track_id").select("track_id", "lyrics").iter_rows())
        return _tokenise(store, corpus.dataset, texts, inputs, log)


def _build(store: Store, bert: str | None, log: Log) -> bool:
    lyrics = part_hash(store, "core.lyrics", music4all.DATASET)
    source = _checkpoint_identity(bert) if bert else ["corpus.m4a", part_hash(store, "corpus.m4a")]
    inputs = STEP.inputs(lyrics, source)
    tokenizer = store.feature(FEATURE, music4all.DATASET) / TOKENIZER_FILE
    if shards_are_current(store, outputs_of(music4all.DATASET), tokenizer, inputs):
        return False
    texts = usable_lyrics(store, music4all.DATASET)
    _save_tokenizer(store, bert, texts, tokenizer)
    return _tokenise(store, music4all.DATASET, texts, inputs, log)


def _tokenise(store: Store, dataset: str, texts: list[tuple[str, str]], inputs: str, log: Log) -> bool:
    """Write shards and tables of a dataset whose tokenizer is in place."""
    tokenizer = store.feature(FEATURE, dataset) / TOKENIZER_FILE
    spec = FeatureSpec(FEATURE, "int32", 1, _spec_settings(tokenizer))
    label = "Tokenising lyrics"
    return write_lyric_feature(
        store, dataset, spec, texts, _make_shard, beside=tokenizer, inputs=inputs, label=label, log=log
    )


def _spec_settings(tokenizer_file: Path) -> dict[str, Any]:
    """Give what training must know of the tokenizer; the special tokens are not in the shards."""
    from mgc_models.features.lyrics.tokens import load_tokenizer, special_ids  # noqa: PLC0415

    tokenizer = load_tokenizer(tokenizer_file)
    return {
        "max_tokens": MAX_TOKENS,
        "vocab_size": tokenizer.get_vocab_size(),
        "special_ids": special_ids(tokenizer)._asdict(),
        "tokenizer_sha256": file_sha256(tokenizer_file),
    }


def _save_tokenizer(store: Store, bert: str | None, texts: list[tuple[str, str]], path: Path) -> None:
    """Put the tokenizer in place."""
    from mgc_models.features.lyrics.tokens import save_tokenizer  # noqa: PLC0415

    if bert:
        tokenizer = _checkpoint_tokenizer(bert)
    else:
        members = set(read_frame(store, "corpus.m4a")["track_id"])
        tokenizer = _counted_tokenizer(text for track_id, text in texts if track_id in members)
    save_tokenizer(tokenizer, path)


def _counted_tokenizer(texts: Iterator[str]) -> "Tokenizer":
    from mgc_models.features.lyrics.tokens import build_wordpiece, wordpiece_tokenizer  # noqa: PLC0415

    return wordpiece_tokenizer(build_wordpiece(texts, VOCABULARY_SIZE))


def _checkpoint_tokenizer(bert: str) -> "Tokenizer":
    from mgc_models.errors import TokenizerError, WeightsError  # noqa: PLC0415
    from mgc_models.features.lyrics.tokens import load_tokenizer  # noqa: PLC0415
    from mgc_models.pretrained.hub import bert_folder  # noqa: PLC0415

    try:
        return load_tokenizer(bert_folder(bert))
    except (TokenizerError, WeightsError) as error:
        raise DatasetError(str(error)) from error


def _checkpoint_identity(bert: str) -> list[str]:
    """Identify a checkpoint's tokenizer by the checksums of its files, or by its hub name."""
    files = [Path(bert).expanduser() / name for name in (TOKENIZER_FILE, "vocab.txt", "tokenizer_config.json")]
    return [file_sha256(file) for file in files if file.is_file()] or [bert]


def _make_shard(task: LyricsTask) -> Made:
    from mgc_models.features.lyrics.tokens import encode, load_tokenizer  # noqa: PLC0415

    tokenizer = load_tokenizer(task.shard.with_name(TOKENIZER_FILE))
    arrays = [(track_id, encode(tokenizer, text, MAX_TOKENS)) for track_id, text in task.texts]
    return write_shard(task.shard, task.spec, arrays), [(track_id, len(array)) for track_id, array in arrays]
