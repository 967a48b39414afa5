"""Selecting a corpus: filters in order, each with what it took, what it left, and why each track went."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from pipelines.corpora import DROP_SAMPLES_SUFFIX, Corpus
from pipelines.datasets.rejects import NOT_A_TRACK
from pipelines.transforms.genres import frequency, top_genres
from pipelines.transforms.language import INSTRUMENTAL_LABELS, deciding_language

STEPS_SCHEMA = {
    "corpus": pl.String,
    "step_order": pl.Int32,
    "step": pl.String,
    "rows_in": pl.Int64,
    "rows_out": pl.Int64,
    "reason": pl.String,
}
EXCLUSIONS_SCHEMA = dict.fromkeys(("corpus", "dataset", "track_id", "step", "reason"), pl.String)


@dataclass(frozen=True)
class Sources:
    """Tables of one dataset that a corpus is selected from.

    Attributes:
        tracks: core.tracks.
        languages: core.languages.
        lyrics: core.lyrics.
        audio: core.audio_files.
        rejects: core.rejects.
        raw_rows: Lines of the raw table of tracks below its header.
        raw_file: Name of that table.
    """

    tracks: pl.DataFrame
    languages: pl.DataFrame
    lyrics: pl.DataFrame
    audio: pl.DataFrame
    rejects: pl.DataFrame
    raw_rows: int
    raw_file: str


@dataclass(frozen=True)
class Selection:
    """A selected corpus.

    Attributes:
        members: Rows of the corpus table (dataset, track_id, genres, genres_outside, kept_by_drop_samples).
        steps: Rows of corpus.steps, for the corpus and its drop_samples variant.
        exclusions: Rows of corpus.exclusions, for both.
        genres: Genres in scope, most frequent first.
        frequency: Rows of genre.frequency.
    """

    members: pl.DataFrame
    steps: pl.DataFrame
    exclusions: pl.DataFrame
    genres: list[str]
    frequency: pl.DataFrame


def select(corpus: Corpus, sources: Sources, k: int) -> Selection:
    """Select a corpus under both label policies.

    Args:
        corpus: The rules.
        sources: The tables.
        k: Number of genres in scope.
    """
    joined = _joined(corpus, sources)
    in_language = joined.filter(pl.col("language") == corpus.language)
    genres = top_genres(in_language if corpus.scope_from == "english" else joined, k)
    scoped = joined.with_columns(
        pl.col("genres").list.filter(pl.element().is_in(genres)).alias("inside"),
        pl.col("genres").list.filter(~pl.element().is_in(genres)).alias("genres_outside"),
    ).with_columns(((pl.col("inside").list.len() > 0) & (pl.col("genres_outside").list.len() == 0)).alias("kept"))
    variants = [corpus, replace(corpus, name=corpus.name + DROP_SAMPLES_SUFFIX)]
    walks = [_walk(variant, scoped, sources) for variant in variants]
    members = walks[0][0]
    return Selection(
        members.select(
            "dataset",
            "track_id",
            pl.col("inside").alias("genres"),
            "genres_outside",
            pl.col("kept").alias("kept_by_drop_samples"),
        ),
        pl.concat([steps for _, steps, _ in walks]),
        pl.concat([exclusions for _, _, exclusions in walks]),
        genres,
        _frequencies(corpus, {"all": joined, "english": in_language, corpus.name: members}, genres),
    )


def _joined(corpus: Corpus, sources: Sources) -> pl.DataFrame:
    key = ["dataset", "track_id"]
    detected = sources.languages.select(*key, "language_detected")
    lyrics = sources.lyrics.select(*key, "lyrics_status")
    audio = sources.audio.select(*key, "audio_status")
    tracks = sources.tracks.select(*key, "genres", "language_label").sort("track_id")
    for other in (detected, lyrics, audio):
        tracks = tracks.join(other, on=key, how="left", maintain_order="left")
    return tracks.with_columns(deciding_language(corpus.decides, corpus.language).alias("language"))


def _language(corpus: Corpus) -> pl.Expr:
    language = pl.col("language")
    other = pl.concat_str(pl.lit("language:"), language.fill_null("unknown"))
    reason = pl.when(language.is_in(INSTRUMENTAL_LABELS)).then(pl.lit("instrumental")).otherwise(other)
    return pl.when(language.eq_missing(corpus.language)).then(None).otherwise(reason)


def _status(kind: str) -> pl.Expr:
    status = pl.col(f"{kind}_status").fill_null("missing")
    return pl.when(status == "ok").then(None).otherwise(pl.concat_str(pl.lit(f"{kind}_"), status))


def _labels(corpus: Corpus) -> pl.Expr:
    if not corpus.name.endswith(DROP_SAMPLES_SUFFIX):
        return pl.lit(None, pl.String)
    reason = pl.when(pl.col("inside").list.len() == 0).then(pl.lit("no_genre_in_scope"))
    return pl.when("kept").then(None).otherwise(reason.otherwise(pl.lit("label_outside_scope")))


# Each rule gives the reason for which a track goes; null where it stays.
RULES: Mapping[str, Callable[[Corpus], pl.Expr]] = {
    "language": _language,
    "lyrics": lambda _: _status("lyrics"),
    "audio": lambda _: _status("audio"),
    "labels": _labels,
}


def _walk(corpus: Corpus, tracks: pl.DataFrame, sources: Sources) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Apply the filters in order; returns what is left, rows of corpus.steps and rows of corpus.exclusions."""
    steps, exclusions = [], [pl.DataFrame(schema=EXCLUSIONS_SCHEMA)]
    rows_in = sources.raw_rows
    for order, step in enumerate(corpus.steps, start=1):
        if step.filter in RULES:
            marked = tracks.with_columns(RULES[step.filter](corpus).alias("reason"))
            gone = marked.filter(pl.col("reason").is_not_null())
            labels = {"corpus": pl.lit(corpus.name), "step": pl.lit(step.step)}
            exclusions.append(gone.with_columns(**labels).select(list(EXCLUSIONS_SCHEMA)))
            tracks = marked.filter(pl.col("reason").is_null()).drop("reason")
        rows_out = rows_in if step.filter == "raw" else tracks.height
        steps.append((corpus.name, order, step.step, rows_in, rows_out, step.reason_in(corpus.name)))
        rows_in = rows_out
    return tracks, pl.DataFrame(steps, schema=STEPS_SCHEMA, orient="row"), pl.concat(exclusions)


def _frequencies(corpus: Corpus, scopes: Mapping[str, pl.DataFrame], genres: list[str]) -> pl.DataFrame:
    frames = [
        frequency(tracks).with_columns(pl.lit(corpus.name).alias("corpus"), pl.lit(scope).alias("scope"))
        for scope, tracks in scopes.items()
    ]
    in_scope = pl.col("genre").is_in(genres).alias("in_scope")
    return pl.concat(frames).with_columns(in_scope).select("corpus", "scope", "genre", "rank", "tracks", "in_scope")


def accounting(
    corpus: Corpus, sources: Sources, members: pl.DataFrame, steps: pl.DataFrame, exclusions: pl.DataFrame
) -> list[str]:
    """Compare every step with the tracks that it excluded.

    Args:
        corpus: The rules.
        sources: The tables it was selected from.
        members: The corpus table.
        steps: corpus.steps.
        exclusions: corpus.exclusions.

    Returns:
        The differences in words; none when nothing is lost uncounted.
    """
    violations: list[str] = []
    kept = members.filter("kept_by_drop_samples")
    for name, left in ((corpus.name, members), (corpus.name + DROP_SAMPLES_SUFFIX, kept)):
        own_steps = steps.filter(pl.col("corpus") == name).sort("step_order")
        excluded = exclusions.filter(pl.col("corpus") == name)
        if own_steps["step"].to_list() != [step.step for step in corpus.steps]:
            violations.append(f"{name}: corpus.steps has {own_steps['step'].to_list()}, not the steps of its TOML file")
            continue
        found = _step_violations(corpus, sources, own_steps, excluded)
        found += _track_violations(sources, own_steps, excluded, left)
        violations += [f"{name}: {words}" for words in found]
    return violations


def _step_violations(corpus: Corpus, sources: Sources, steps: pl.DataFrame, excluded: pl.DataFrame) -> list[str]:
    rejected = sources.rejects.filter(
        pl.col("stage") == "read", pl.col("source_file") == sources.raw_file, pl.col("reason").is_in(NOT_A_TRACK)
    ).height
    found, rows = [], sources.raw_rows
    for step, row in zip(corpus.steps, steps.iter_rows(named=True), strict=True):
        if row["rows_in"] != rows:
            found.append(f"step {row['step']} takes {row['rows_in']:,} rows, and {rows:,} were there")
        counted = excluded.filter(pl.col("step") == row["step"]).height
        counted += rejected if step.filter == "readable" else 0
        if row["rows_in"] - row["rows_out"] != counted:
            lost = row["rows_in"] - row["rows_out"]
            found.append(f"step {row['step']} loses {lost:,} rows, and {counted:,} are on record")
        rows = row["rows_out"]
    return found


def _track_violations(
    sources: Sources, steps: pl.DataFrame, excluded: pl.DataFrame, members: pl.DataFrame
) -> list[str]:
    found = []
    if steps["rows_out"][-1] != members.height:
        found.append(f"the last step leaves {steps['rows_out'][-1]:,} tracks, and the corpus holds {members.height:,}")
    counted = pl.concat([excluded.select("track_id"), members.select("track_id")])
    if sorted(counted["track_id"]) != sorted(sources.tracks["track_id"]):
        found.append(
            f"{counted.height:,} tracks are kept or excluded, and core.tracks has {sources.tracks.height:,} "
            f"({counted['track_id'].n_unique():,} different ones counted)"
        )
    return found
