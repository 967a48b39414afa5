"""Genres: ranks with ties by the text, and co-occurrence with its zeros."""

from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.corpora.genre_counts import cooccurrence, frequency, top_genres
from pipelines.report.figures.genres import frequency_chart, genre_map
from pipelines.report.figures.lyrics import lyrics_lengths

HOSTILE = "'; DROP TABLE labels; --"


def tracks(*genres: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {"track_id": [f"t{number}" for number in range(len(genres))], "genres": list(genres)},
        schema={"track_id": pl.String, "genres": pl.List(pl.String)},
    )


def test_ties_are_broken_by_the_text() -> None:
    counted = frequency(tracks(["b", "a"], ["a", "b"], ["c"], []))
    assert counted.select("genre", "tracks", "rank").rows() == [("a", 2, 1), ("b", 2, 2), ("c", 1, 3)]
    assert top_genres(tracks(["b", "a"], ["c"]), 2) == ["a", "b"]


def test_pairs_that_never_meet_and_genres_without_a_track_are_rows() -> None:
    pairs = cooccurrence(tracks(["a", HOSTILE], ["a"], []), ["a", HOSTILE, "unseen"])
    found = {(a, b): (n, p) for a, b, n, p in pairs.rows()}
    assert len(found) == 9
    assert found["a", "a"] == (2, 1.0)
    assert found["a", HOSTILE] == (1, 0.5)
    assert found[HOSTILE, "a"] == (1, 1.0)
    assert found["a", "unseen"] == (0, 0.0)
    assert found["unseen", "unseen"] == (0, 0.0)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), unique=True, max_size=4), max_size=20))
def test_pairs_agree_with_counting_by_hand(genres: list[list[str]]) -> None:
    for a, b, count, share in cooccurrence(tracks(*genres), list("abc")).rows():
        both = sum(a in row and b in row for row in genres)
        alone = sum(a in row for row in genres)
        assert count == both
        assert share == (both / alone if alone else 0)


def test_no_tracks_and_no_genres_are_no_error(tmp_path: Path) -> None:
    empty = tracks()
    assert frequency(empty).is_empty()
    assert cooccurrence(empty, []).is_empty()


def test_pictures_are_equal_for_equal_rows(tmp_path: Path) -> None:
    table = tracks(["$a_b$", HOSTILE], ["c"])
    counted = frequency(table).with_columns((pl.col("rank") < 3).alias("in_scope"))
    genres = top_genres(table, 3)
    for name in ("one", "two"):
        frequency_chart(counted, tmp_path / f"{name}-bars.png", "title")
        genre_map(cooccurrence(table, genres), genres, tmp_path / f"{name}-map.png", "title")
    for kind in ("bars", "map"):
        first, second = (tmp_path / f"{name}-{kind}.png" for name in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_lengths_of_lyrics_are_drawn_alike_for_equal_rows_and_for_none(tmp_path: Path) -> None:
    lengths = pl.DataFrame({"words_before": [10, 200, 3], "words_after": [8, 90, 3]})
    for name, rows in (("one", lengths), ("two", lengths), ("none", lengths.clear())):
        lyrics_lengths(rows, tmp_path / f"{name}.png", "title")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "none.png").read_bytes() != (tmp_path / "one.png").read_bytes()
