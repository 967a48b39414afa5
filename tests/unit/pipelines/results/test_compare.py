"""Printed beside ours: units, spread, tests and their marks."""

import datetime as dt
import itertools
import shutil
import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from pipelines.config import Settings
from pipelines.experiments import Plan, load_plan
from pipelines.experiments.schema import EXPERIMENTS
from pipelines.results.compare import results
from pipelines.results.finished import FinishedRuns, finished_runs, inpainting_scores
from pipelines.results.published import published
from pipelines.results.significance import SignedRankTest, signed_rank_test
from pipelines.tables import typed_frame
from pipelines.training.planned import PlannedRuns

STARTED = dt.datetime(2026, 11, 20, tzinfo=dt.UTC).replace(tzinfo=None)
SCORES = st.lists(st.integers(-5, 5).map(lambda step: step / 10), min_size=2, max_size=7)


def p_by_enumeration(differences: list[float]) -> float:
    """P(W+ >= observed) over all signs, by definition."""
    kept = [difference for difference in differences if difference]
    ranks = rankdata([abs(difference) for difference in kept])
    observed = sum(rank for rank, difference in zip(ranks, kept, strict=True) if difference > 0)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product((0, 1), repeat=len(kept))]
    return sum(total >= observed for total in sums) / len(sums)


@settings(deadline=None, max_examples=40)
@given(SCORES)
def test_p_is_exact_with_ties_and_zeros(differences: list[float]) -> None:
    test = signed_rank_test(differences, [0.0] * len(differences), alternative="reference_better")
    opposite = signed_rank_test([0.0] * len(differences), differences, alternative="row_better")
    assert test
    assert test == SignedRankTest(len(differences), test.statistic, test.p_value)
    assert test.p_value == pytest.approx(p_by_enumeration(differences))
    assert opposite
    assert opposite.p_value == pytest.approx(test.p_value)


@settings(deadline=None, max_examples=40)
@given(st.permutations([0.013, -0.021, 0.034, 0.005, 0.04]))
def test_p_equals_scipys_exact_one_without_ties(differences: list[float]) -> None:
    test = signed_rank_test(differences, [0.0] * 5, alternative="reference_better")
    assert test
    assert test.p_value == pytest.approx(wilcoxon(differences, alternative="greater", method="exact").pvalue)


def test_five_folds_reach_one_asterisk_and_no_more() -> None:
    test = signed_rank_test([0.5, 0.6, 0.7, 0.8, 0.9], [0.1, 0.19, 0.28, 0.37, 0.46], alternative="reference_better")
    assert test
    assert (test.p_value, test.statistic, test.stars) == (1 / 32, 15.0, "*")


@pytest.mark.parametrize(
    ("p_value", "stars"),
    [(0.0009, "***"), (0.001, "**"), (0.009, "**"), (0.01, "*"), (0.049, "*"), (0.05, "-"), (1.0, "-")],
)
def test_marks_follow_the_thesis(p_value: float, stars: str) -> None:
    assert SignedRankTest(5, 0.0, p_value).stars == stars


@given(st.integers(2, 12), st.floats(0, 1))
def test_there_is_no_mark_where_none_could_have_been_had(pairs: int, p_value: float) -> None:
    """With n pairs the least p is 2^-n: of three seeds `-` would say nothing."""
    assert (SignedRankTest(pairs, 0.0, p_value).stars is None) == (2**-pairs >= 0.05)


def test_one_fold_is_not_tested_and_equal_folds_are_not_significant() -> None:
    assert signed_rank_test([0.5], [0.1], alternative="reference_better") is None
    equal = signed_rank_test([0.3] * 5, [0.1 + 0.2] * 5, alternative="reference_better")
    assert equal
    assert (equal.p_value, equal.stars) == (1.0, "-")


def found_of(
    plan: Plan,
    runs: pl.DataFrame,
    scores: pl.DataFrame,
    positives: dict[str, int] | None = None,
    timed: list[dict[str, object]] | None = None,
) -> dict[str, FinishedRuns]:
    """The finished runs by setting, as the tables give them; `positives`: test tracks per genre, alike in every run."""
    genre_ap = typed_frame(
        "run.genre_ap",
        [
            {"run_id": run_id, "genre": genre, "average_precision": None, "positives": count}
            for run_id in runs["run_id"]
            for genre, count in (positives or {}).items()
        ],
    )
    rows = runs.sort("setting_id", "fold").to_dicts()
    planned: dict[str, list[Any]] = {}
    for row in rows:
        planned.setdefault(row["setting_id"], []).append(SimpleNamespace(**row))
    nothing = (typed_frame("run.epochs", []), typed_frame("report.inpainting", []))
    timings = typed_frame("run.timings", [timing(run_id) for run_id in runs["run_id"]] if timed is None else timed)
    return finished_runs(plan, PlannedRuns(planned, {}, {}), runs, scores, *nothing, genre_ap, timings)


def timing(run_id: str, device: str = "cpu", arithmetic: str | None = "float32") -> dict[str, object]:
    """A row of `run.timings`."""
    when = {"started_at": STARTED, "duration_wall_s": 1.0, "samples_per_s": None, "sessions": 1}
    return {"run_id": run_id, "device": device, "arithmetic": arithmetic, **when}


def run_frames(scores: dict[str, dict[str, list[float | None]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`run.runs` and `run.fold_scores` of some settings: metric -> score per fold."""
    runs, folds = [], []
    for setting_id, metrics in scores.items():
        for fold in range(len(next(iter(metrics.values())))):
            run_id = f"{setting_id}-{fold}"
            runs.append(
                {
                    "run_id": run_id,
                    "work": "jiang2024",
                    "setting_id": setting_id,
                    "stage": "finetune",
                    "corpus": "m4a",
                    "scheme": "random5",
                    "fold": fold,
                    "seed": 0,
                    "profile": "sample",
                    "data_kind": "sample",
                    "init": "random",
                    "pretrained": None,
                    "parameters": 1,
                    "tracks_train": 1,
                    "tracks_train_unlabelled": 0,
                    "tracks_test": 20,
                    "tracks_unlabelled": 1,
                    "corpus_hash": "c",
                    "settings_json": "{}",
                    "versions_json": "{}",
                }
            )
            folds += [
                {"run_id": run_id, "metric": metric, "value": values[fold], "classes_scored": None}
                for metric, values in metrics.items()
            ]
    return typed_frame("run.runs", runs[::-1]), typed_frame("run.fold_scores", folds[::-1])


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """The plan, with BERT as reference row of Table 6.9, so that existing models are tested against each other."""
    root = tmp_path / "experiments"
    for source in EXPERIMENTS.rglob("*.toml"):
        target = root / source.relative_to(EXPERIMENTS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    table = root / "jiang2024" / "table_6_9.toml"
    table.write_text(table.read_text().replace('reference_row = "ours"', 'reference_row = "alnet"'))
    return load_plan("sample", root)


def rows_of(frame: pl.DataFrame, metric: str) -> dict[str, dict[str, object]]:
    return {row["row_id"]: row for row in frame.filter(table_id="table_6_9", metric=metric).iter_rows(named=True)}


def test_ours_stand_in_the_printed_unit_with_their_test(plan: Plan) -> None:
    alnet, bert = [0.5, 0.52, 0.54, 0.56, 0.58], [0.4, 0.41, 0.42, 0.43, 0.44]
    frames = run_frames(
        {
            "jiang2024_alnet": {"accuracy": alnet, "f1": alnet, "map": alnet},
            "jiang2024_bert": {"accuracy": bert, "f1": alnet, "map": [0.1, None, 0.3, 0.2, 0.4]},
        }
    )
    found, tests = results(plan, Settings(), found_of(plan, *frames), {})
    accuracy = rows_of(found, "accuracy")
    assert accuracy["alnet"]["ours_mean"] == pytest.approx(54.0)
    assert accuracy["alnet"]["ours_sd"] == pytest.approx(100 * statistics.stdev(alnet))
    assert accuracy["alnet"]["run_ids"] == [f"jiang2024_alnet-{fold}" for fold in range(5)]
    assert (accuracy["alnet"]["p_value"], accuracy["alnet"]["stars"]) == (None, None)
    assert (accuracy["bert"]["p_value"], accuracy["bert"]["stars"]) == (1 / 32, "*")
    assert (rows_of(found, "f1")["bert"]["p_value"], rows_of(found, "f1")["bert"]["stars"]) == (1.0, "-")
    assert (accuracy["bert"]["note"], accuracy["inception_v4"]["note"]) == (None, None)
    assert str(rows_of(found, "map")["bert"]["note"]).startswith("1 of 5 runs without a number: ")
    # A fold in which mAP is undefined leaves the mean to the others, and the pairs incomplete.
    assert (rows_of(found, "map")["bert"]["n"], rows_of(found, "map")["bert"]["p_value"]) == (4, None)
    assert rows_of(found, "map")["bert"]["ours_mean"] == pytest.approx(25.0)
    assert accuracy["inception_v4"]["status"].startswith("not run: 0 of 5 runs are finished")
    assert (accuracy["bert"]["tracks_test"], accuracy["bert"]["tracks_unlabelled"]) == (100, 5)
    assert accuracy["inception_v4"]["ours_mean"] is None
    assert tests.select("row_id", "metric", "statistic").sort("metric").rows() == [
        ("bert", "accuracy", 15.0),
        ("bert", "f1", 0.0),
    ]


def test_a_row_whose_runs_were_computed_in_different_ways_says_so(plan: Plan) -> None:
    names = [f"jiang2024_{model}-{fold}" for model in ("alnet", "bert", "inception_v4") for fold in range(5)]
    runs, scores = run_frames({name: {"accuracy": [0.1] * 5} for name in dict.fromkeys(n[:-2] for n in names)})
    torch = {"jiang2024_alnet-2": "2.12.0", "jiang2024_bert-2": "2.13.0+cpu"}
    versions = [f'{{"torch": "{torch.get(run_id, "2.13.0")}"}}' for run_id in runs["run_id"]]
    runs = runs.with_columns(versions_json=pl.Series(versions))
    special = {
        "jiang2024_alnet-0": timing("jiang2024_alnet-0", "NVIDIA H100", "bfloat16"),
        "jiang2024_bert-0": timing("jiang2024_bert-0", "cpu; NVIDIA H100"),  # resumed on another
        "jiang2024_bert-1": timing("jiang2024_bert-1", arithmetic=None),  # of an earlier version
    }
    timed = [special.get(name, timing(name)) for name in names]
    found, _ = results(plan, Settings(), found_of(plan, runs, scores, timed=timed), {})
    shown = {name: row["mixed"] for name, row in rows_of(found, "accuracy").items()}
    assert shown["alnet"] == "device: NVIDIA H100, cpu; arithmetic: bfloat16, float32; torch: 2.12.0, 2.13.0"
    assert shown["bert"] == "device: NVIDIA H100, cpu"
    assert (shown["inception_v4"], shown["ours"]) == (None, None)


def test_results_do_not_depend_on_the_order_of_rows(plan: Plan) -> None:
    runs, scores = run_frames({"jiang2024_bert": {"accuracy": [0.1, 0.2, 0.3, 0.4, 0.5]}})
    first = results(plan, Settings(), found_of(plan, runs, scores), {})
    second = results(plan, Settings(), found_of(plan, runs.reverse(), scores.reverse()), {})
    assert all(one.equals(two) for one, two in zip(first, second, strict=True))


def test_without_runs_every_row_has_its_printed_number_and_a_reason(plan: Plan) -> None:
    runs, scores = run_frames({})
    found, tests = results(plan, Settings(datasets={"fma": Path("f")}), found_of(plan, runs, scores), {})
    assert tests.is_empty()
    assert found["ours_mean"].null_count() == found.height
    assert set(found.filter(work="jiang2024", table_id="table_6_9")["status"]) == {
        "not run: MGC_MUSIC4ALL_DIR is not set"
    }
    assert (
        found.filter(~pl.col("is_extra"))
        .select("work", "table_id", "row_id", "metric")
        .equals(published(plan).select("work", "table_id", "row_id", "metric"))
    )


def test_a_row_about_one_genre_has_the_score_of_that_genre(plan: Plan) -> None:
    runs, scores = run_frames(
        {"nandy2021_han_cnn": {"f1": [0.5], "f1/Old-Time / Historic": [0.25], "accuracy": [0.75]}}
    )
    tested = {"Old-Time / Historic": 4, "Rock": 0}
    found, _ = results(plan, Settings(), found_of(plan, runs, scores, tested), {})
    notes = dict(found.filter(work="nandy2021", table_id="table_2").select("row_id", "note").iter_rows())
    assert notes["old_time_historic"] is None
    assert notes["rock"] == "no test track is Rock"
    assert notes["pop"] == "corpus fma_medium has no genre Pop"
    ours = {(row["table_id"], row["row_id"], row["metric"]): row["ours_mean"] for row in found.iter_rows(named=True)}
    assert ours["table_2", "old_time_historic", "f1"] == 0.25
    assert ours["table_2", "rock", "f1"] is None
    assert ours["table_1", "proposed", "f1"] == 0.5
    assert ours["table_1", "proposed", "accuracy"] == 75.0


LOW, HIGH = [0.11, 0.22, 0.33, 0.44, 0.55], [0.2, 0.32, 0.44, 0.56, 0.68]


def outcomes(plan: Plan, scores: dict[str, dict[str, list[float | None]]]) -> dict[tuple[str, str], tuple[object, ...]]:
    """By row and metric: the reference row, p and mark of every test that was made."""
    _, tests = results(plan, Settings(), found_of(plan, *run_frames(scores)), {})
    columns = ("table_id", "row_id", "metric", "reference_row", "p_value", "stars")
    return {(row[1], row[2]): row[3:] for row in tests.select(columns).iter_rows() if row[0] in ("extra", "objective")}


def test_folds_of_different_splits_are_no_pairs() -> None:
    """Rows on artist_disjoint5 are compared with the one that the table names for that split, and with no other."""
    plan = load_plan("sample")
    ours = {"jiang2024_mae": {"f1": HIGH}, "jiang2024_alnet_artist_disjoint": {"f1": LOW}}
    assert outcomes(plan, ours) == {}
    better = {"jiang2024_mae_artist_disjoint": {"f1": HIGH}, "jiang2024_mae_no_ssl_random": {"f1": LOW}}
    assert outcomes(plan, ours | better) == {
        ("alnet_artist_disjoint", "f1"): ("artist_disjoint", 1 / 32, "*"),
        ("no_ssl_random", "f1"): ("ours", 1 / 32, "*"),
    }


@pytest.mark.parametrize(
    "difference",
    [
        'data = { scheme = "stratified5" }',
        'data = { corpus = "ru87", scheme = "split_70_10_20", seeds = [0, 1, 2, 3, 4] }',
        "data = { folds = 4 }",
        'set = { "label_scope_policy" = "drop_samples" }',
    ],
)
def test_a_row_on_other_tracks_than_the_reference_row_is_not_tested_and_says_so(
    difference: str, tmp_path: Path
) -> None:
    root = shutil.copytree(EXPERIMENTS, tmp_path / "experiments")
    table = root / "jiang2024" / "extra.toml"
    table.write_text(f'{table.read_text()}\n[[row]]\nid = "other"\nlabel = "Other"\nbase = "mae"\n{difference}\n')
    plan = load_plan("sample", root)
    other = str(plan.setting_of["jiang2024", "extra", "other"])  # a row of the table may have the same
    scores = {"jiang2024_mae": {"f1": HIGH}, other: {"f1": LOW[: len(plan.settings[other].repetitions)]}}
    found, tests = results(plan, Settings(), found_of(plan, *run_frames(scores)), {})
    assert "other" not in set(tests["row_id"])
    (row,) = found.filter(table_id="extra", row_id="other", metric="f1").iter_rows(named=True)
    assert (row["status"], row["p_value"], row["stars"]) == ("done", None, None)
    assert row["note"].startswith("not tested: its scores and those of Ours (A-L)")


def test_three_seeds_have_a_p_and_no_mark() -> None:
    scores = {"ru2023_proposed": {"f1": HIGH[:3]}, "ru2023_santana": {"f1": LOW[:3]}}
    assert outcomes(load_plan("sample"), scores) == {("santana", "f1"): ("proposed", 1 / 8, None)}


def test_of_an_error_the_lower_is_the_better(tmp_path: Path) -> None:
    """`reference_better` asks of a logarithmic loss whether that of the reference row is lower."""
    root = shutil.copytree(EXPERIMENTS, tmp_path / "experiments")
    base = root / "wongchemelli2023" / "base" / "fused.toml"
    base.write_text(base.read_text().replace("seeds = [0]", "seeds = [0, 1, 2, 3, 4]"))
    scores = {
        "wongchemelli2023_fused": {"accuracy": HIGH, "log_loss": LOW},
        "wongchemelli2023_fused_audio": {"accuracy": LOW, "log_loss": HIGH},
    }
    frames = run_frames(scores)
    plan = load_plan("sample", root)
    _, tests = results(plan, Settings(), found_of(plan, *frames), {})
    found = tests.filter(row_id="audio").select("metric", "p_value", "statistic", "stars")
    assert sorted(found.rows()) == [("accuracy", 1 / 32, 15.0, "*"), ("log_loss", 1 / 32, 15.0, "*")]


def test_a_row_without_a_number_says_why() -> None:
    plan = load_plan("sample")
    scores = {
        "jiang2024_mae": {"accuracy": HIGH, "contrastive_accuracy": HIGH},
        "jiang2024_mae_no_ssl": {"accuracy": LOW},
        "ru2023_proposed": {"f1_tuned": HIGH[:3]},
        "nandy2021_han_cnn": {"accuracy": [0.5]},
        "ru2023_santana": {"f1": [None] * 3},
    }
    found, _ = results(plan, Settings(), found_of(plan, *run_frames(scores)), {})
    notes = {(row["table_id"], row["row_id"], row["metric"]): row["note"] for row in found.iter_rows(named=True)}
    assert notes["objective", "santana", "f1"] == "no test track has a genre in scope"
    assert notes["modalities", "fused", "covered/f1"] == "every track of corpus fma_medium has lyrics"
    assert notes["on_ru87", "proposed", "f1_tuned"] is None
    without = {key for key, words in notes.items() if words == "runs of this kind have no f1"}
    assert ("objective", "proposed", "f1") in without
    lines = found.filter(status="done")
    assert lines.filter(pl.col("ours_mean").is_null() & pl.col("note").is_null()).is_empty()
    assert found.filter(pl.col("status") != "done")["note"].null_count() == found.height - lines.height


def test_hidden_words_are_scored_over_all_tracks_and_nothing_guessed_has_no_share() -> None:
    rows = [
        {"mask_ratio": ratio, "mse": 1.0, "words_hidden": hidden, "words_right": right, "stop_words_right": among}
        for ratio, hidden, right, among in ((0.15, 8, 2, 1), (0.15, 2, 3, 2), (0.5, 4, 0, 0))
    ]
    found = inpainting_scores(pl.DataFrame(rows))
    assert found["word_accuracy/0.15"] == (0.5,)
    assert found["stop_words/0.15"] == (0.6,)
    assert (found["word_accuracy/0.5"], found["stop_words/0.5"]) == ((0.0,), (None,))
