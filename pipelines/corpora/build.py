"""Corpora with their steps, exclusions, sizes, folds and leakage."""

import polars as pl

from pipelines.config import Settings
from pipelines.corpora.accounting import accounting
from pipelines.corpora.config import Corpus, CorpusError, corpus_names, load_corpora
from pipelines.corpora.leakage import leakage, track_identities
from pipelines.corpora.select import Selection, Sources, select
from pipelines.corpora.sources import corpus_sources, upstream_hashes
from pipelines.corpora.splits import SCHEMA, corpus_folds
from pipelines.incremental import Outputs, Step, is_current
from pipelines.matching.rules import RULES_FILE
from pipelines.tables import not_there, read_frame, unreadable, write_empty, write_parts
from warehouse.contract import load_contract
from warehouse.store import Store

VERSION = 3
STEP = Step("corpora", VERSION, files=(RULES_FILE,))  # the matcher's rules say who is the same artist
SHARED = ("corpus.steps", "corpus.exclusions", "corpus.sizes", "corpus.folds", "corpus.leakage")


def table_of(name: str) -> str:
    """Table that holds the tracks of a corpus.

    Raises:
        CorpusError: if no contract names it.
    """
    table = f"corpus.{name}"
    if table not in load_contract():
        raise CorpusError(
            f"Corpus {name} has a file in pipelines/corpora, but its table {table} has no contract. "
            "Describe it in warehouse/contracts/corpus.toml."
        )
    return table


def outputs_of(corpus: Corpus) -> Outputs:
    """Table -> part that the corpus writes."""
    return {table_of(corpus.name): "all", **dict.fromkeys(SHARED, corpus.name)}


def tables() -> list[str]:
    """List every table that the corpora write."""
    return [*(table_of(name) for name in corpus_names()), *SHARED]


def not_run_reason(store: Store, settings: Settings, corpus: Corpus) -> str:
    """Why the tables of a corpus stay empty; empty if they are filled."""
    return next((reason for d in corpus.datasets if (reason := not_there(store, settings, d))), "")


def build_corpora(store: Store, settings: Settings) -> tuple[dict[str, str], bool]:
    """Make every corpus, empty without its datasets; returns the status of each, and whether any changed."""
    statuses, changed = {}, False
    for corpus in load_corpora():
        reason = not_run_reason(store, settings, corpus)
        statuses[corpus.name] = reason or "done"
        done = write_empty(store, outputs_of(corpus)) if reason else build_corpus(store, corpus, settings.data_kind)
        changed = changed or done
    return statuses, changed


def build_corpus(store: Store, corpus: Corpus, data_kind: str) -> bool:
    """Select a corpus and split it, if anything it rests on changed; returns whether anything was done."""
    outputs, inputs = outputs_of(corpus), corpus_inputs(store, corpus, data_kind)
    if is_current(store, outputs, inputs):
        return False
    sources = _required_sources(store, corpus)
    selection = _select(corpus, sources, data_kind)
    folds, shared = _splits(corpus, sources, selection.members)
    columns = [column.name for column in load_contract()[table_of(corpus.name)].columns]
    frames = {
        table_of(corpus.name): selection.members.select(columns),
        "corpus.steps": selection.steps,
        "corpus.exclusions": selection.exclusions,
        "corpus.sizes": selection.sizes,
        "corpus.folds": folds,
        "corpus.leakage": shared,
    }
    return write_parts(store, outputs, frames, inputs)


def corpus_inputs(store: Store, corpus: Corpus, data_kind: str) -> str:
    """Hash of everything that decides a corpus."""
    scope = corpus.genres_in_scope(data_kind), corpus.least_tracks(data_kind)
    return STEP.inputs(repr(corpus), scope, upstream_hashes(store, corpus))


def corpus_selection(store: Store, corpus: Corpus, data_kind: str) -> Selection:
    """Select a corpus from the tables as they are in the store.

    Raises:
        FileNotFoundError: if its dataset has not been read.
    """
    return _select(corpus, _required_sources(store, corpus), data_kind)


def accounting_violations(store: Store) -> list[str]:
    """Compare the corpus tables with the tables before them, row by row.

    Returns:
        What does not add up, in words: none when every raw row is a track, a row of core.rejects or a row of
        corpus.exclusions. None either for a corpus whose dataset is not configured or cannot be read.
    """
    found: list[str] = []
    steps, exclusions = read_frame(store, "corpus.steps"), read_frame(store, "corpus.exclusions")
    for corpus in load_corpora():
        own = [corpus.variant(rule) for rule in corpus.scope.rules]
        is_left = any(unreadable(store, dataset) for dataset in corpus.datasets)
        if is_left or steps.filter(pl.col("corpus").is_in(own)).is_empty():
            continue
        sources = corpus_sources(store, corpus)
        if sources is not None:
            found += accounting(corpus, sources, read_frame(store, table_of(corpus.name)), steps, exclusions)
    return found


def _required_sources(store: Store, corpus: Corpus) -> Sources:
    sources = corpus_sources(store, corpus)
    if sources is None:
        raise FileNotFoundError(
            f"core.raw_files has no row for {corpus.dataset}. Run `dagster job execute -j data` first."
        )
    return sources


def _select(corpus: Corpus, sources: Sources, data_kind: str) -> Selection:
    return select(corpus, sources, corpus.genres_in_scope(data_kind), corpus.least_tracks(data_kind))


def _splits(corpus: Corpus, sources: Sources, members: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of corpus.folds and of corpus.leakage."""
    if not corpus.folds:
        empty = pl.DataFrame(schema=SCHEMA)
        return empty, leakage(corpus, empty, pl.DataFrame(schema={"track_id": pl.String}))
    if sources.audio is None:
        tracks = members.with_columns(pl.lit(None, pl.String).alias("sha256"))
    else:
        tracks = members.join(sources.audio.select("track_id", "sha256"), on="track_id", how="left")
    if "artist_id" not in tracks.columns:
        tracks = tracks.with_columns(pl.lit(None, pl.String).alias("artist_id"))
    identities = track_identities(tracks)
    folds = corpus_folds(corpus, members.join(identities, on="track_id", how="left", maintain_order="left"))
    return folds, leakage(corpus, folds, identities)
