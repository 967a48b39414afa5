"""Filters of a corpus: each gives the reason for which a track goes; null where it stays."""

from collections.abc import Callable, Mapping

import polars as pl

from pipelines.corpora.config import Corpus
from pipelines.lyrics.language import INSTRUMENTAL_LABELS


def _subset(corpus: Corpus) -> pl.Expr:
    subset = pl.col("subset").fill_null("none")
    return pl.when(~subset.is_in(corpus.subsets)).then(pl.concat_str(pl.lit("subset:"), subset))


def _known_issue(_: Corpus) -> pl.Expr:
    return pl.concat_str(pl.lit("known_issue:"), pl.col("known_issue"))


def _complete(corpus: Corpus) -> pl.Expr:
    missing = [pl.when(_is_missing(column)).then(pl.lit(f"missing:{column}")) for column in corpus.complete]
    return pl.coalesce(*missing, pl.lit(None, pl.String))


def _is_missing(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column).cast(pl.String) == "")


def _match(_: Corpus) -> pl.Expr:
    return pl.when(pl.col("matched_track_id").is_null()).then(pl.lit("no_match"))


def _language(corpus: Corpus) -> pl.Expr:
    language = pl.col("language")
    other = pl.concat_str(pl.lit("language:"), language.fill_null("unknown"))
    reason = pl.when(language.is_in(INSTRUMENTAL_LABELS)).then(pl.lit("instrumental")).otherwise(other)
    return pl.when(language.eq_missing(corpus.language.keep)).then(None).otherwise(reason)


def _status(kind: str) -> pl.Expr:
    status = pl.col(f"{kind}_status").fill_null("missing")
    return pl.when(status == "ok").then(None).otherwise(pl.concat_str(pl.lit(f"{kind}_"), status))


RULES: Mapping[str, Callable[[Corpus], pl.Expr]] = {
    "subset": _subset,
    "known_issue": _known_issue,
    "complete": _complete,
    "match": _match,
    "language": _language,
    "lyrics": lambda _: _status("lyrics"),
    "audio": lambda _: _status("audio"),
}


def label_reason(corpus: Corpus, scope_rule: str) -> pl.Expr:
    """Reason for which a track goes by its labels, of the columns inside and kept."""
    unlabelled = pl.col("inside").list.len() == 0
    if scope_rule in ("drop_samples", "several"):
        outside = pl.when(unlabelled).then(pl.lit("no_genre_in_scope")).otherwise(pl.lit("label_outside_scope"))
        alone = pl.lit(scope_rule == "several") & (pl.col("inside").list.len() == 1)
        return pl.when(~pl.col("kept")).then(outside).when(alone).then(pl.lit("one_genre_alone"))
    if corpus.scope.keep_unlabelled:
        return pl.lit(None, pl.String)
    return pl.when(unlabelled).then(pl.lit("no_genre_in_scope"))
