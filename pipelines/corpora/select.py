"""Selecting a corpus: filters in order, each with what it took, what it left, and why each track went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from pipelines.corpora.config import Corpus
from pipelines.corpora.filters import RULES, label_reason
from pipelines.corpora.genre_counts import frequency, top_genres
from pipelines.lyrics.language import deciding_language

STEPS_SCHEMA = {
    "corpus": pl.String,
    "step_order": pl.Int32,
    "step": pl.String,
    "rows_in": pl.Int64,
    "rows_out": pl.Int64,
    "reason": pl.String,
}
EXCLUSIONS_SCHEMA = dict.fromkeys(("corpus", "dataset", "track_id", "step", "reason"), pl.String)
SIZES_SCHEMA = {
    "corpus": pl.String,
    "scope_rule": pl.String,
    "is_used": pl.Boolean,
    "genres_in_scope": pl.Int32,
    "tracks": pl.Int64,
    "tracks_printed": pl.Int64,
    "difference": pl.Int64,
}
FREQUENCY_COLUMNS = ("corpus", "scope", "genre", "rank", "tracks", "in_scope")
NOT_AUDITED = " No audio of the dataset has been audited, so the step takes none."


@dataclass(frozen=True)
class Sources:
    """Tables of one dataset that a corpus is selected from.

    Attributes:
        tracks: core.tracks; more columns where the corpus' filters or labels ask for them
            (`pipelines.corpora.sources`).
        languages: core.languages.
        lyrics: core.lyrics.
        audio: core.audio_files; None where no audio of the dataset has been audited.
        rejects: core.rejects.
        raw_rows: Rows of the raw table of tracks below its header.
        raw_file: Name of that table.
    """

    tracks: pl.DataFrame
    languages: pl.DataFrame
    lyrics: pl.DataFrame
    audio: pl.DataFrame | None
    rejects: pl.DataFrame
    raw_rows: int
    raw_file: str


@dataclass(frozen=True)
class Selection:
    """A selected corpus.

    Attributes:
        members: Its tracks: columns of core.tracks, genres (in scope), genres_outside and kept_by_drop_samples.
        steps: Rows of corpus.steps, for the corpus and its variants under other scope rules.
        exclusions: Rows of corpus.exclusions, for all of these.
        sizes: Rows of corpus.sizes, one per scope rule.
        genres: Genres in scope, most frequent first.
        frequency: Rows of genre.frequency.
    """

    members: pl.DataFrame
    steps: pl.DataFrame
    exclusions: pl.DataFrame
    sizes: pl.DataFrame
    genres: list[str]
    frequency: pl.DataFrame


@dataclass(frozen=True)
class _Walk:
    """A corpus under one scope rule."""

    members: pl.DataFrame
    steps: pl.DataFrame
    exclusions: pl.DataFrame
    genres: list[str]


def select(corpus: Corpus, sources: Sources, k: int, floor: int = 0) -> Selection:
    """Select a corpus under each of its scope rules.

    Args:
        corpus: The rules.
        sources: The tables.
        k: Number of genres in scope.
        floor: Least number of tracks of a genre under scope rule floor.
    """
    joined = _joined(corpus, sources)
    counted = {"all": joined}
    if corpus.language.keep:
        counted["english"] = joined.filter(pl.col("language") == corpus.language.keep)
    if corpus.scope.counted_on == "filtered":
        counted["filtered"] = joined.filter(pl.coalesce(*_reasons(corpus), pl.lit(None, pl.String)).is_null())
    walks = {
        rule: _walk(corpus, rule, joined, _scope(corpus, rule, counted[corpus.scope.counted_on], k, floor), sources)
        for rule in corpus.scope.rules
    }
    used = walks[corpus.scope.rule]
    return Selection(
        used.members.with_columns(pl.col("inside").alias("genres"), pl.col("kept").alias("kept_by_drop_samples")).drop(
            "inside", "kept"
        ),
        pl.concat([walk.steps for walk in walks.values()]),
        pl.concat([walk.exclusions for walk in walks.values()]),
        _sizes(corpus, walks),
        used.genres,
        _frequencies(corpus, {**counted, corpus.name: used.members}, used.genres),
    )


def _joined(corpus: Corpus, sources: Sources) -> pl.DataFrame:
    key = ["dataset", "track_id"]
    others = [
        sources.languages.select(*key, "language_detected"),
        sources.lyrics.select(*key, "lyrics_status"),
        *([] if sources.audio is None else [sources.audio.select(*key, "audio_status")]),
    ]
    tracks = sources.tracks.sort("track_id")
    for other in others:
        tracks = tracks.join(other, on=key, how="left", maintain_order="left")
    if sources.audio is None:
        tracks = tracks.with_columns(pl.lit("ok").alias("audio_status"))
    return tracks.with_columns(deciding_language(corpus.language.decides, corpus.language.keep).alias("language"))


def _reasons(corpus: Corpus) -> list[pl.Expr]:
    return [RULES[step.filter](corpus) for step in corpus.steps if step.filter in RULES]


def _scope(corpus: Corpus, scope_rule: str, counted: pl.DataFrame, k: int, floor: int) -> list[str]:
    """Genres in scope, most frequent first."""
    if not corpus.has_genres:
        return frequency(counted)["genre"].to_list()
    if scope_rule == "floor":
        return frequency(counted).filter(pl.col("tracks") >= floor)["genre"].to_list()
    return top_genres(counted, k)


def _walk(corpus: Corpus, scope_rule: str, tracks: pl.DataFrame, genres: list[str], sources: Sources) -> _Walk:
    """Apply the filters in order."""
    name = corpus.variant(scope_rule)
    tracks = _scoped(tracks, genres)
    steps, exclusions = [], [pl.DataFrame(schema=EXCLUSIONS_SCHEMA)]
    rows_in = sources.raw_rows
    for order, step in enumerate(corpus.steps, start=1):
        if step.filter not in ("raw", "readable"):
            rule = label_reason(corpus, scope_rule) if step.filter == "labels" else RULES[step.filter](corpus)
            marked = tracks.with_columns(rule.alias("reason"))
            gone = marked.filter(pl.col("reason").is_not_null())
            labels = {"corpus": pl.lit(name), "step": pl.lit(step.step)}
            exclusions.append(gone.with_columns(**labels).select(list(EXCLUSIONS_SCHEMA)))
            tracks = marked.filter(pl.col("reason").is_null()).drop("reason")
        rows_out = rows_in if step.filter == "raw" else tracks.height
        reason = step.reason_in(scope_rule) + (NOT_AUDITED if step.filter == "audio" and sources.audio is None else "")
        steps.append((name, order, step.step, rows_in, rows_out, reason))
        rows_in = rows_out
    return _Walk(tracks, pl.DataFrame(steps, schema=STEPS_SCHEMA, orient="row"), pl.concat(exclusions), genres)


def _scoped(tracks: pl.DataFrame, genres: list[str]) -> pl.DataFrame:
    inside = pl.element().is_in(genres)
    return tracks.with_columns(
        pl.col("genres").list.filter(inside).alias("inside"),
        pl.col("genres").list.filter(~inside).alias("genres_outside"),
    ).with_columns(((pl.col("inside").list.len() > 0) & (pl.col("genres_outside").list.len() == 0)).alias("kept"))


def _sizes(corpus: Corpus, walks: Mapping[str, _Walk]) -> pl.DataFrame:
    printed = corpus.printed_tracks or None
    rows = [
        (
            corpus.name,
            rule,
            rule == corpus.scope.rule,
            len(walk.genres) if corpus.has_genres else 0,
            walk.members.height,
            printed,
            walk.members.height - printed if printed else None,
        )
        for rule, walk in walks.items()
    ]
    return pl.DataFrame(rows, schema=SIZES_SCHEMA, orient="row")


def _frequencies(corpus: Corpus, scopes: Mapping[str, pl.DataFrame], genres: Sequence[str]) -> pl.DataFrame:
    frames = [
        frequency(tracks).with_columns(pl.lit(corpus.name).alias("corpus"), pl.lit(scope).alias("scope"))
        for scope, tracks in scopes.items()
    ]
    in_scope = pl.col("genre").is_in(genres).alias("in_scope")
    return pl.concat(frames).with_columns(in_scope).select(FREQUENCY_COLUMNS)
