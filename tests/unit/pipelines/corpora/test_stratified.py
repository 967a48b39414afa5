"""Splits: every track in exactly one fold, the same split for the same tracks, none where there are too few."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from pipelines.corpora.splits import folds_status, random_folds


@settings(deadline=None)
@given(st.sets(st.text("abcdef0123", min_size=1, max_size=6), min_size=5, max_size=60))
def test_every_track_is_tested_once_and_folds_are_of_equal_size(ids: set[str]) -> None:
    folds = random_folds("c", "random5", list(ids), 5, 0)
    assert folds["track_id"].to_list() == sorted(ids)
    sizes = folds.group_by("fold").len()["len"]
    assert sizes.sum() == len(ids)
    assert sizes.max() - sizes.min() <= 1
    assert folds.equals(random_folds("c", "random5", sorted(ids, reverse=True), 5, 0))


def test_folds_are_those_of_scikit_learn_for_the_stated_seed() -> None:
    ids = [f"t{number:02}" for number in range(17)]
    folds = random_folds("c", "s", ids, 5, 3)
    expected = {
        ids[place]: fold
        for fold, (_, test) in enumerate(KFold(5, shuffle=True, random_state=3).split(ids))
        for place in test
    }
    assert dict(folds.select("track_id", "fold").iter_rows()) == expected


def test_another_seed_gives_another_split() -> None:
    ids = [f"t{number}" for number in range(40)]
    assert not random_folds("c", "s", ids, 5, 0)["fold"].equals(random_folds("c", "s", ids, 5, 1)["fold"])


@settings(deadline=None)
@given(st.integers(5, 30), st.integers(0, 30))
def test_every_fold_has_labelled_tracks_however_many_have_none(labelled: int, unlabelled: int) -> None:
    with_label = [f"a{number:02}" for number in range(labelled)]
    without = [f"b{number:02}" for number in range(unlabelled)]
    folds = random_folds("c", "random5", with_label, 5, 0, without)
    assert folds["track_id"].to_list() == sorted(with_label + without)
    assert folds.filter(pl.col("track_id").is_in(with_label))["fold"].n_unique() == 5
    sizes = folds.group_by("fold").len()["len"]
    assert sizes.max() - sizes.min() <= 1


def test_too_few_tracks_give_no_folds_and_say_why() -> None:
    folds = random_folds("m4a", "random5", ["a", "b"], 5, 0)
    assert folds.is_empty()
    assert folds.schema == {"corpus": pl.String, "scheme": pl.String, "track_id": pl.String, "fold": pl.Int32}
    assert folds_status("m4a", 2, 5) == "corpus m4a holds 2 labelled tracks, 5 folds need at least 5"
    assert folds_status("m4a", 5, 5) == ""
