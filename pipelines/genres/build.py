"""Genres of every corpus: frequency, co-occurrence, correlation, coarse genres."""

import polars as pl

from pipelines.config import Settings
from pipelines.corpora.build import corpus_inputs, corpus_selection, not_run_reason, table_of
from pipelines.corpora.config import Corpus, load_corpora
from pipelines.corpora.genre_counts import cooccurrence
from pipelines.corpora.leakage import sides
from pipelines.genres.coarse import FILE as COARSE_FILE
from pipelines.genres.coarse import SCHEMA as COARSE_SCHEMA
from pipelines.genres.coarse import UNMAPPED, coarse_genres, load_coarse_map
from pipelines.genres.correlation import genre_graph, graph_rows, name_cosine
from pipelines.genres.name_vectors import name_vectors, vectors_identity
from pipelines.incremental import Outputs, Step, is_current, part_hash
from pipelines.tables import read_frame, write_empty, write_parts
from warehouse.store import Store

VERSION = 2
STEP = Step("genres", VERSION, files=(COARSE_FILE,))
TABLES = ("genre.frequency", "genre.cooccurrence", "genre.correlation", "genre.coarse")
WHOLE = {"scheme": "", "split_fold": -1}


def corpora_with_genres() -> list[Corpus]:
    """Corpora that have a genre scope."""
    return [corpus for corpus in load_corpora() if corpus.has_genres]


def outputs_of(corpus: Corpus) -> Outputs:
    """Table -> part that the corpus' genres write."""
    return dict.fromkeys(TABLES, corpus.name)


def build_genres(store: Store, settings: Settings) -> tuple[dict[str, str], bool]:
    """Count the genres of every corpus; returns the status of each, and whether anything changed."""
    statuses, changed = {}, False
    for corpus in corpora_with_genres():
        reason = not_run_reason(store, settings, corpus)
        statuses[corpus.name] = reason or "done"
        if reason:
            done = write_empty(store, outputs_of(corpus))
        else:
            done = build_corpus_genres(store, corpus, settings.data_kind, settings.weights.get("bert"))
        changed = changed or done
    return statuses, changed


def build_corpus_genres(store: Store, corpus: Corpus, data_kind: str, bert: str | None = None) -> bool:
    """Count the genres of a corpus, if anything it rests on changed; returns whether anything was done."""
    mapping = load_coarse_map()
    upstream = [corpus_inputs(store, corpus, data_kind), part_hash(store, table_of(corpus.name))]
    upstream += [part_hash(store, "corpus.folds", corpus.name)]
    inputs = STEP.inputs(upstream, vectors_identity(bert))
    if is_current(store, outputs_of(corpus), inputs):
        return False
    selection = corpus_selection(store, corpus, data_kind)
    own = pl.lit(corpus.name).alias("corpus")
    frames = {
        "genre.frequency": selection.frequency,
        "genre.cooccurrence": cooccurrence(selection.members, selection.genres).with_columns(own),
        "genre.correlation": _correlation(store, corpus, selection.members, selection.genres, bert),
        "genre.coarse": coarse_genres(corpus.name, selection.genres, mapping)
        if corpus.dataset in mapping.datasets
        else pl.DataFrame(schema=COARSE_SCHEMA),
    }
    return write_parts(store, outputs_of(corpus), frames, inputs)


def unmapped_genres(store: Store) -> dict[str, list[str]]:
    """List, by corpus, the genres in scope that have no coarse genre; corpora without any are left out."""
    rows = read_frame(store, "genre.coarse").filter(pl.col("status") == UNMAPPED).sort("corpus", "genre")
    return {corpus: own["genre"].to_list() for (corpus,), own in rows.group_by("corpus", maintain_order=True)}


def _correlation(
    store: Store, corpus: Corpus, members: pl.DataFrame, genres: list[str], bert: str | None
) -> pl.DataFrame:
    """Rows of genre.correlation: on the whole corpus, and on the training part of every split."""
    names = name_vectors(genres, bert)
    cosine = name_cosine(names.vectors)
    sets: list[tuple[dict[str, object], list[list[str]]]] = [(dict(WHOLE), members["genres"].to_list())]
    folds = read_frame(store, "corpus.folds").filter(pl.col("corpus") == corpus.name)
    folds = folds.join(members.select("track_id", "genres"), on="track_id")
    for scheme, split in corpus.folds.items():
        for number, sided in enumerate(sides(folds.filter(pl.col("scheme") == scheme), split)):
            train = sided.filter(pl.col("side") == "train")["genres"].to_list()
            sets.append(({"scheme": scheme, "split_fold": number}, train))
    labels = {"corpus": corpus.name, "name_vectors": names.source}
    rows = [
        graph_rows(genre_graph(tracks, genres, cosine, corpus.correlation), genres, {**labels, **where})
        for where, tracks in sets
    ]
    return pl.concat(rows)
