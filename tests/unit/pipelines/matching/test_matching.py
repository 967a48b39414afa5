"""Names that are one song, names that are not, and what must hold for any text at all."""

import random
import unicodedata

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.matching import KINDS, classify_pairs, keys
from pipelines.matching.keys import keyed

SIDES = ["left_artist", "left_title", "right_artist", "right_title"]
texts = st.lists(
    st.tuples(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30)), max_size=100
)


def kind_of(*names: str, exact: str = "folded") -> str | None:
    return classify_pairs(pl.DataFrame([names], schema=SIDES, orient="row"), exact=exact)["kind"].item()


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("Björk", "Jóga", " BJÖRK", "jóga "), "exact"),
        (("ΟΔΟΣ", "Straße", "οδος", "STRASSE"), "exact"),
        (("Beyonce", "Halo", "Beyoncé", "Halo"), "normalised"),
        (("The Beatles", "Something", "Beatles, The", "Something"), "normalised"),
        (("Simon & Garfunkel", "America", "Simon and Garfunkel", "America"), "normalised"),
        (("Oh_ Sleeper", "Hush Yael", "Oh, Sleeper", "Hush Yael"), "normalised"),
        (("Jay-Z feat. Alicia Keys", "Empire", "Jay-Z", "Empire (ft. Alicia Keys)"), "normalised"),
        (("Blur", "Song 2 (2012 Remaster)", "Blur", "Song 2"), "normalised"),
        (("Blur", "Song 2 - Remastered 2012", "Blur", "Song 2 (LP Version)"), "normalised"),
        (("Blur", "Tender (Live at Wembley)", "Blur", "Tender"), "normalised"),
        (("Blur", "Tender (Album Version (Edited)) [Explicit]", "Blur", "Tender"), "normalised"),
        (("Blur", "Tender LP Version", "Blur", "Tender"), "normalised"),
        (("Vava", "Voodoo", "Ava", "Oodoo"), "fuzzy"),
        (("!!!", "Pardon My Freedom", "!!!", "Pardon My Freedom"), "exact"),
        (("!!!", "Pardon My Freedom", "???", "Pardon My Freedom"), None),
        (("Nina Simone", "Sinnerman", "Nina Simonne", "Sinner Man"), "fuzzy"),
        (("Nina Simone", "008-Sinnerman", "Nina Simone", "Sinnerman (Pastel Blues)"), "fuzzy"),
        (("Nina Simone", "Sinnerman - Pastel Blues", "Nina Simone", "Sinnerman"), "fuzzy"),
        (("112 TI", "If I Hit", "112", "If I Hit"), "fuzzy"),
    ],
)
def test_kind_of_one_song(names: tuple[str, str, str, str], kind: str | None) -> None:
    assert kind_of(*names) == kind


@pytest.mark.parametrize(
    "names",
    [
        ("Otis Redding", "Respect", "Aretha Franklin", "Respect"),  # a cover
        ("Hank Williams", "Lovesick Blues", "Hank Williams Jr.", "Lovesick Blues"),
        ("Depeche Mode", "Question Of Lust", "Depeche Mode Tribute", "Question Of Lust"),
        ("Moby", "Porcelain (Club Remix)", "Moby", "Porcelain"),
        ("Moby", "Porcelain (Torsten Remix)", "Moby", "Porcelain (Clubbed To Death Remix)"),
        ("Moby", "Porcelain (Instrumental)", "Moby", "Porcelain"),
        ("Rihanna", "Te Amo (Spanish Version)", "Rihanna", "Te Amo"),
        ("Future Sound Of London", "Lifeforms (Path 7)", "Future Sound Of London", "Lifeforms (Path 5)"),
        ("Pink Floyd", "Another Brick in the Wall, Part 1", "Pink Floyd", "Another Brick in the Wall, Part 2"),
        ("Chopin", "Sonata No. 2: II. Scherzo", "Chopin", "Sonata No. 2: III. Scherzo"),
        ("U2", "Bad", "U2", "Sad"),
        ("Eminem", "The Kids", "Eminem", "The Kiss"),
        ("", "Intro", "", "Intro"),
        ("Moby", "", "Moby", ""),
    ],
)
def test_another_song_does_not_match(names: tuple[str, str, str, str]) -> None:
    assert kind_of(*names) is None


def test_literal_exactness_folds_nothing() -> None:
    assert kind_of("Moby", "Go", "Moby", "Go", exact="literal") == "exact"
    assert kind_of("Moby", "Go", "moby", "Go", exact="literal") == "normalised"


def test_marks_that_are_no_accents_are_kept() -> None:
    assert kind_of("か", "歌う", "が", "歌う") is None
    assert kind_of("x y", "कि मन", "x y", "का मन") is None


@settings(deadline=None, max_examples=8)
@given(texts)
def test_any_text_is_classified_alike_from_both_sides(rows: list[tuple[str, str, str, str]]) -> None:
    pairs = pl.DataFrame(rows, schema=dict.fromkeys(SIDES, pl.String), orient="row")
    turned = pairs.select(
        left_artist="right_artist", left_title="right_title", right_artist="left_artist", right_title="left_title"
    )
    there, back = classify_pairs(pairs), classify_pairs(turned)
    assert there["kind"].to_list() == back["kind"].to_list()
    assert there["score"].to_list() == pytest.approx(back["score"].to_list())
    assert set(there["kind"]) <= {*KINDS, None}
    assert there.filter((pl.col("score") > 0) != pl.col("kind").is_not_null()).is_empty()


@settings(deadline=None, max_examples=8)
@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=100))
def test_a_name_is_itself_and_its_key_is_its_own_key(names: list[tuple[str, str]]) -> None:
    frame = pl.DataFrame(names, schema={"artist": pl.String, "title": pl.String}, orient="row")
    once = keys_of(frame)
    again = keys_of(once.select(artist="exact_artist", title="exact_title"))
    assert again.equals(once)
    same = classify_pairs(
        pl.concat([frame.rename(lambda n: f"left_{n}"), frame.rename(lambda n: f"right_{n}")], how="horizontal")
    )
    named = [bool(artist and title) for artist, title in once.select("exact_artist", "exact_title").rows()]
    assert same["kind"].to_list() == ["exact" if known else None for known in named]


# Left out: letters whose case Unicode folds in special ways ("İ"), which DuckDB takes one by one.
LATIN = st.characters(max_codepoint=0x24F, exclude_categories=["Cc", "Cs"], exclude_characters="İıŉǰ")


@settings(deadline=None, max_examples=8)
@given(st.lists(st.text(alphabet=LATIN, max_size=30), min_size=1, max_size=100))
def test_exact_folds_as_python_does(artists: list[str]) -> None:
    expected = [unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip() for text in artists]
    found = keys_of(pl.DataFrame({"artist": artists, "title": artists}))["exact_artist"].to_list()
    assert found == expected


def keys_of(names: pl.DataFrame) -> pl.DataFrame:
    with duckdb.connect() as con:
        con.register("names", names.with_row_index("position"))
        return con.sql(f"SELECT * EXCLUDE (position) FROM ({keyed('names', 'position')}) ORDER BY position").pl()


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="missing: right_title"):
        classify_pairs(pl.DataFrame({name: ["x"] for name in SIDES[:3]}))


WORDS = """
    the and n a in version remaster lp album mix dubmix edit live at part two ii iv xi feat ft with demo made popular in
    spanish love song rock roll instrumental don't x 2 1994 - ( ) & / é
"""


def test_plain_titles_go_a_short_way_to_the_same_keys(monkeypatch) -> None:
    rng = random.Random(0)
    titles = [" ".join(rng.choices(WORDS.split(), k=rng.randint(1, 5))) for _ in range(3000)]
    names = pl.DataFrame({"artist": titles, "title": titles})
    short = keys_of(names)
    monkeypatch.setattr(keys, "_plain_title", lambda _: "false")
    assert keys_of(names).equals(short)
