"""How alike two names are, by rapidfuzz, column against column."""

from collections.abc import Callable

import polars as pl
from rapidfuzz import fuzz, process

from pipelines.matching.rules import Fuzzy, load_rules


def fuzzy_scores(pairs: pl.DataFrame) -> pl.Series:
    """Score of each pair, in [0, 1]: the mean likeness of artist and title; 0 where it is no match.

    Args:
        pairs: `keys.KEY_COLUMNS` twice, named `left_<column>` and `right_<column>`.
    """
    rules = load_rules().fuzzy
    title = _title(pairs, rules)
    artist = _artist(pairs, title, rules)
    frame = pairs.with_columns(artist.alias("artist"), title.alias("title"))
    least_title = pl.when(_letters("title_key") < rules.short_letters).then(rules.short_title).otherwise(rules.title)
    alike = (
        (pl.col("artist") >= rules.artist)
        & (pl.col("title") >= least_title)
        & (pl.col("artist") + pl.col("title") >= rules.both)
        & _same_song(pairs, rules)
    )
    mean = (pl.col("artist") + pl.col("title")) / 2
    return frame.select(score=pl.when(alike).then(mean).otherwise(0.0))["score"]


def _title(pairs: pl.DataFrame, rules: Fuzzy) -> pl.Series:
    """Likeness of whole titles, or of their heads where no tail speaks against it."""
    whole, head = _ratio(pairs, "title_key"), _ratio(pairs, "title_head")
    tails_agree = _missing(pairs, "title_tail") | (_ratio(pairs, "title_tail", fuzz.partial_ratio) >= rules.tail)
    return _greatest(whole, head * tails_agree.cast(pl.Float64))


def _artist(pairs: pl.DataFrame, title: pl.Series, rules: Fuzzy) -> pl.Series:
    """Likeness of artists; under a sure title one may also be a part of the other's credit."""
    alike = _greatest(_ratio(pairs, "artist_key"), _ratio(pairs, "artist_words", fuzz.token_sort_ratio))
    part = (_ratio(pairs, "artist_words", fuzz.token_set_ratio) == 1.0) & (title >= rules.credit_title)
    return _greatest(alike, part.cast(pl.Float64) * rules.credit)


def _same_song(pairs: pl.DataFrame, rules: Fuzzy) -> pl.Series:
    """False where numbers, versions or the artist's name tell two songs apart, or there is too little to go by."""

    def same(column: str) -> pl.Series:
        return pairs[f"left_{column}"] == pairs[f"right_{column}"]

    version = same("title_version") | (_ratio(pairs, "title_version") >= rules.version)
    letters = pairs.select(letters=_letters("title_head"))["letters"]
    enough = same("title_head") | (letters >= rules.least_title_letters)
    numbers = same("title_numbers") & (_missing(pairs, "title_tail_numbers") | same("title_tail_numbers"))
    return same("artist_other") & (same("title_key") | (numbers & version & enough))


def _ratio(pairs: pl.DataFrame, column: str, scorer: Callable[..., float] = fuzz.ratio) -> pl.Series:
    """Likeness of left and right in one column, in [0, 1]; two empty texts are not alike."""
    left, right = pairs[f"left_{column}"], pairs[f"right_{column}"]
    scores = process.cpdist(left.to_list(), right.to_list(), scorer=scorer)
    known = ((left != "") & (right != "")).cast(pl.Float64)
    return pl.Series(column, scores, dtype=pl.Float64) / 100 * known


def _letters(column: str) -> pl.Expr:
    """Letters of the shorter side."""
    return pl.min_horizontal(pl.col(f"left_{column}", f"right_{column}").str.len_chars())


def _missing(pairs: pl.DataFrame, column: str) -> pl.Series:
    """True where at least one side has nothing in the column."""
    return (pairs[f"left_{column}"] == "") | (pairs[f"right_{column}"] == "")


def _greatest(*series: pl.Series) -> pl.Series:
    return pl.DataFrame({str(i): one for i, one in enumerate(series)}).max_horizontal()
