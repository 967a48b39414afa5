"""Corpora with their steps, exclusions and folds, and the genres of each."""

from collections.abc import Mapping

import polars as pl

from pipelines.corpora import Corpus, load_corpus
from pipelines.currency import content_hash, is_current, part_hash
from pipelines.datasets import music4all
from pipelines.stages.common import read_frame, write_parts
from pipelines.transforms.corpora import Selection, Sources, accounting, select
from pipelines.transforms.folds import random_folds
from pipelines.transforms.genres import cooccurrence
from warehouse.store import Store

VERSION = 2
CORPUS = "m4a"
OUTPUTS = {"corpus.m4a": "all", "corpus.steps": CORPUS, "corpus.exclusions": CORPUS, "corpus.folds": CORPUS}
GENRE_OUTPUTS = {"genre.frequency": CORPUS, "genre.cooccurrence": CORPUS}
UPSTREAM: Mapping[str, str] = {
    "core.raw_files": music4all.DATASET,
    "core.tracks": music4all.DATASET,
    "core.lyrics": music4all.DATASET,
    "core.languages": music4all.DATASET,
    "core.audio_files": music4all.DATASET,
    "core.rejects": "music4all-read",
}


def build_corpora(store: Store, data_kind: str) -> bool:
    """Select the corpus and split it, if anything it rests on changed; returns whether anything was done."""
    corpus = load_corpus(CORPUS)
    inputs = _inputs(store, corpus, data_kind)
    if is_current(store, OUTPUTS, inputs):
        return False
    selection = _select(store, corpus, data_kind)
    labelled, unlabelled = (
        selection.members.filter((pl.col("genres").list.len() > 0) == has_label)["track_id"].to_list()
        for has_label in (True, False)
    )
    folds = [
        random_folds(corpus.name, scheme, labelled, rule.n, rule.seed, unlabelled)
        for scheme, rule in corpus.folds.items()
    ]
    frames = {
        "corpus.m4a": selection.members,
        "corpus.steps": selection.steps,
        "corpus.exclusions": selection.exclusions,
        "corpus.folds": pl.concat(folds),
    }
    return write_parts(store, OUTPUTS, frames, inputs)


def build_genres(store: Store, data_kind: str) -> bool:
    """Count the genres of the corpus, if anything it rests on changed; returns whether anything was done."""
    corpus = load_corpus(CORPUS)
    inputs = content_hash(_inputs(store, corpus, data_kind), part_hash(store, "corpus.m4a"))
    if is_current(store, GENRE_OUTPUTS, inputs):
        return False
    selection = _select(store, corpus, data_kind)
    pairs = cooccurrence(selection.members, selection.genres).with_columns(pl.lit(corpus.name).alias("corpus"))
    frames = {"genre.frequency": selection.frequency, "genre.cooccurrence": pairs}
    return write_parts(store, GENRE_OUTPUTS, frames, inputs)


def accounting_violations(store: Store) -> list[str]:
    """Compare the corpus tables with the tables before them, row by row.

    Returns:
        What does not add up, in words: none when every raw row is a track, a row of core.rejects or a row of
        corpus.exclusions. None either where the dataset is not configured.
    """
    corpus = load_corpus(CORPUS)
    sources = _sources(store)
    if sources is None:
        return []
    tables = (read_frame(store, name) for name in ("corpus.m4a", "corpus.steps", "corpus.exclusions"))
    return accounting(corpus, sources, *tables)


def _inputs(store: Store, corpus: Corpus, data_kind: str) -> str:
    upstream = {table: part_hash(store, table, part) for table, part in UPSTREAM.items()}
    return content_hash(VERSION, repr(corpus), corpus.genres_in_scope(data_kind), upstream)


def _select(store: Store, corpus: Corpus, data_kind: str) -> Selection:
    sources = _sources(store)
    if sources is None:
        raise FileNotFoundError(
            f"core.raw_files has no row for {corpus.dataset}. Run `dagster job execute -j data` first."
        )
    return select(corpus, sources, corpus.genres_in_scope(data_kind))


def _sources(store: Store) -> Sources | None:
    raw_files = read_frame(store, "core.raw_files", music4all.DATASET)
    rows = raw_files.filter(pl.col("source_file") == music4all.TRACKS)["rows"]
    if not len(rows):
        return None
    return Sources(
        tracks=read_frame(store, "core.tracks", music4all.DATASET),
        languages=read_frame(store, "core.languages", music4all.DATASET),
        lyrics=read_frame(store, "core.lyrics", music4all.DATASET),
        audio=read_frame(store, "core.audio_files", music4all.DATASET),
        rejects=read_frame(store, "core.rejects", music4all.DATASET),
        raw_rows=rows[0],
        raw_file=music4all.TRACKS,
    )
