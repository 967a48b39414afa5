"""Stratified, grouped and shipped splits: every track once, groups whole, labels even; and what the sides share."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.corpora.config import Corpus, Folds
from pipelines.corpora.leakage import leakage, track_identities
from pipelines.corpora.splits import corpus_folds, part_sizes, stratify

SHARES = (0.7, 0.1, 0.2)
SCHEMES = {
    "stratified5": Folds(0, 5, "stratified"),
    "artists5": Folds(0, 5, "stratified", by_artist=True),
    "even_artists": Folds(0, 0, "random", SHARES, by_artist=True),
    "parts": Folds(0, 0, "random", SHARES),
    "stratified_parts": Folds(3, 0, "stratified", SHARES),
}
CORPUS = Corpus("c", "d", "s", 0, (), SCHEMES)


def members(genres: Sequence[Sequence[str]], artists: Sequence[str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "track_id": [f"t{number:05}" for number in range(len(genres))],
            "genres": [list(own) for own in genres],
            "artist_key": list(artists),
        },
        schema={"track_id": pl.String, "genres": pl.List(pl.String), "artist_key": pl.String},
    )


def label_unevenness(folds: pl.DataFrame, tracks: pl.DataFrame, n: int) -> float:
    """Mean over labels of how far the folds' shares of it are from 1/n."""
    long = folds.join(tracks, on="track_id").explode("genres").drop_nulls("genres")
    counts = long.pivot("fold", index="genres", values="track_id", aggregate_function="len").fill_null(0)
    table = counts.drop("genres").to_numpy().astype(float)
    return float(np.abs(table / table.sum(axis=1, keepdims=True) - 1 / n).mean())


tracks_of_artists = st.lists(
    st.tuples(st.lists(st.sampled_from("abcde"), unique=True, max_size=3), st.sampled_from([None, "x", "y", "z", "w"])),
    min_size=6,
    max_size=60,
).filter(lambda rows: sum(bool(genres) for genres, _ in rows) >= 5)


@settings(deadline=None, max_examples=40)
@given(tracks_of_artists)
def test_every_track_is_in_one_part_and_artists_are_not_torn_apart(rows: list[tuple[list[str], str | None]]) -> None:
    tracks = members([genres for genres, _ in rows], [artist for _, artist in rows])
    folds = corpus_folds(CORPUS, tracks)
    for scheme, rule in SCHEMES.items():
        own = folds.filter(pl.col("scheme") == scheme)
        assert sorted(own["track_id"]) == tracks["track_id"].to_list()
        assert set(own["fold"]) <= set(range(rule.n))
    for scheme in ("artists5", "even_artists"):
        placed = folds.filter(pl.col("scheme") == scheme).join(tracks, on="track_id").drop_nulls("artist_key")
        assert (
            placed.group_by("artist_key").agg(pl.col("fold").n_unique())["fold"].to_list()
            == [1] * placed["artist_key"].n_unique()
        )
    assert folds.equals(corpus_folds(CORPUS, tracks.reverse()))


def test_labels_are_spread_more_evenly_than_by_chance() -> None:
    random = np.random.default_rng(1)
    chances = np.array([0.4, 0.2, 0.1, 0.05, 0.02, 0.01])
    genres = [[f"g{g}" for g in np.flatnonzero(random.random(6) < chances)] for _ in range(3000)]
    tracks = members(genres, [f"artist{random.integers(700)}" for _ in genres])
    schemes = {"random": Folds(0, 5), "stratified": SCHEMES["stratified5"], "artists": SCHEMES["artists5"]}
    corpus = Corpus("c", "d", "s", 0, (), schemes)
    folds = corpus_folds(corpus, tracks)
    uneven = {s: label_unevenness(folds.filter(pl.col("scheme") == s), tracks, 5) for s in schemes}
    assert uneven["stratified"] < 0.2 * uneven["random"]
    assert uneven["artists"] < 0.5 * uneven["random"]
    for scheme in ("stratified", "artists"):
        sizes = Counter(folds.filter(pl.col("scheme") == scheme)["fold"])
        assert max(sizes.values()) <= 1.05 * min(sizes.values())


@pytest.mark.parametrize("seed", range(12))
def test_the_paper_s_rule_by_hand(seed: int) -> None:
    # Label 1 is rarer, so its two examples go first, to one part each; the rest evens out label 0.
    counts = np.array([[1, 1], [1, 0], [1, 1], [1, 0], [1, 0], [1, 0]])
    part = stratify(counts, np.ones(6, dtype=np.int64), (0.5, 0.5), seed)
    assert part[0] != part[2]
    assert Counter(part.tolist()) == {0: 3, 1: 3}


@pytest.mark.parametrize("seed", range(12))
def test_an_example_goes_where_its_label_is_lacking_not_where_there_is_most_room(seed: int) -> None:
    # The first example stands for five tracks. Its part has no room left and still gets its half of label 1.
    counts = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    part = stratify(counts, np.array([5, 1, 1, 1]), (0.5, 0.5), seed)
    assert part[0] != part[1]
    assert part[2] != part[3]


@given(st.integers(3, 500))
def test_parts_have_their_shares_and_none_is_empty(total: int) -> None:
    sizes = part_sizes(total, SHARES)
    assert sum(sizes) == total
    assert min(sizes) >= 1
    if total >= 20:
        assert all(abs(size - share * total) <= 1 for size, share in zip(sizes, SHARES, strict=True))


def test_a_shipped_split_is_taken_as_it_is() -> None:
    corpus = Corpus("c", "fma", "s", 0, (), {"shipped": Folds(0, 0, "shipped", SHARES)})
    tracks = members([["a"]] * 4, [None] * 4).with_columns(
        pl.Series("split", ["test", "training", None, "validation"], dtype=pl.String)
    )
    assert corpus_folds(corpus, tracks).select("track_id", "fold").rows() == [
        ("t00000", 2),
        ("t00001", 0),
        ("t00003", 1),
    ]


def test_what_the_sides_share_is_counted() -> None:
    tracks = pl.DataFrame(
        [
            ("t0", "The Band", "Song", None, "s1"),
            ("t1", "Other", "Tune", None, "s2"),
            ("t2", "band", "Song (Remastered)", None, "s3"),
            ("t3", "Nobody", "Air", None, "s2"),
            ("t4", "Band feat. Guest", "Else", None, None),
            ("t5", "", "", None, None),
            ("t6", "Band", "Else", "7", None),
        ],
        schema=["track_id", "artist", "title", "artist_id", "sha256"],
        schema_overrides={"artist_id": pl.String, "sha256": pl.String},
        orient="row",
    )
    identities = track_identities(tracks)
    corpus = Corpus("c", "d", "s", 0, (), {"parts": Folds(0, 0, "random", SHARES)})
    folds = pl.DataFrame(
        {"corpus": "c", "scheme": "parts", "track_id": tracks["track_id"], "fold": [0, 0, 2, 2, 2, 2, 2]}
    )
    (row,) = leakage(corpus, folds, identities).iter_rows(named=True)
    assert (row["side_a"], row["side_b"], row["tracks_a"], row["tracks_b"]) == ("train", "test", 2, 5)
    assert (row["artists_shared"], row["tracks_artist_shared"]) == (1, 2)
    assert (row["songs_shared"], row["tracks_song_shared"]) == (1, 1)
    assert (row["audio_shared"], row["tracks_audio_shared"]) == (1, 1)
    assert (row["tracks_affected"], row["share_affected"]) == (3, 0.6)


def test_k_folds_have_one_row_per_test_fold_and_artist_disjoint_ones_share_no_artist() -> None:
    random = np.random.default_rng(0)
    artists = [f"artist{random.integers(30)}" for _ in range(200)]
    tracks = members([["a"] if number % 3 else ["b"] for number in range(200)], artists)
    corpus = Corpus("c", "d", "s", 0, (), {"random5": Folds(0, 5), "artists5": SCHEMES["artists5"]})
    identities = tracks.select(
        "track_id", "artist_key", pl.lit(None).alias("song_key"), pl.lit(None).alias("audio_key")
    )
    rows = leakage(corpus, corpus_folds(corpus, tracks), identities)
    assert rows.filter(pl.col("scheme") == "artists5")["artists_shared"].to_list() == [0] * 5
    assert min(rows.filter(pl.col("scheme") == "random5")["artists_shared"]) > 10
    assert rows["split_fold"].to_list() == [*range(5)] * 2
    sides = rows.filter(pl.col("scheme") == "random5").select("side_a", "side_b", "tracks_a", "tracks_b")
    assert set(sides.iter_rows()) == {("train", "test", 160, 40)}


@pytest.mark.parametrize("genres", [[], [[], []]])
def test_nothing_to_split_is_no_error(genres: list[list[str]]) -> None:
    tracks = members(genres, [None] * len(genres))
    folds = corpus_folds(CORPUS, tracks)
    assert folds.is_empty()
    empty = pl.DataFrame(schema=dict.fromkeys(("track_id", "artist_key", "song_key", "audio_key"), pl.String))
    assert leakage(CORPUS, folds, empty).is_empty()
