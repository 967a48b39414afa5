"""What is made of several runs together: importance of modalities, bootstrap intervals, scores of pretrainings."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgc_models.evaluation.metrics import average_precision as by_definition
from mgc_models.evaluation.metrics import example_based
from pipelines.experiments import Plan, load_plan
from pipelines.report.build import READ
from pipelines.report.build import page as report_page
from pipelines.results import bootstrap
from pipelines.results.collect import RunFileError
from pipelines.results.finished import FinishedRuns, finished_runs
from pipelines.results.importance import NO_COARSE, NO_IMPORTANCE, left_out, modality_importance
from pipelines.tables import typed_frame
from pipelines.training.planned import PlannedRuns
from warehouse.store import Store

SIDES = {"jiang2024_mae": "mm", "jiang2024_mae_audio": "a", "jiang2024_mae_lyrics": "l"}
LABELLED = st.lists(st.tuples(st.booleans(), st.integers(-3, 3), st.integers(0, 3)), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan("sample")


@settings(deadline=None, max_examples=60)
@given(LABELLED)
def test_a_weighted_precision_is_that_of_repeated_tracks(rows: list[tuple[bool, int, int]]) -> None:
    labels, logits, counts = (np.array(column) for column in zip(*rows, strict=True))
    (found,) = bootstrap.average_precision(labels, logits.astype(float), counts[None].astype(float))
    repeated = np.repeat(labels, counts)[:, None], np.repeat(logits, counts)[:, None].astype(float)
    expected = by_definition(*repeated)[0] if repeated[0].any() else np.nan
    assert found == pytest.approx(expected, nan_ok=True)


def write_predictions(store: Store, run_id: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.random((30, 4)) < 0.3
    labels[:, 0] |= ~labels.any(axis=1)
    logits = random.normal(size=(30, 4)) + labels
    frame = {
        "track_id": [f"t{row:02}" for row in range(30)],
        "scores": logits.tolist(),
        "labels": [np.flatnonzero(row).tolist() for row in labels],
    }
    path = store.run(run_id) / "predictions.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame(frame).write_parquet(path)
    return labels, logits


def test_intervals_hold_the_score_and_are_the_same_every_time(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    ids = tuple(f"r{fold}" for fold in range(5))
    parts = [write_predictions(store, run_id, seed) for seed, run_id in enumerate(ids)]
    found = {"jiang2024_bert": FinishedRuns(ids, "random", {}), "jiang2024_mae": FinishedRuns(ids[:4], "random", {})}
    frame = bootstrap.bootstrap(store, plan, found, resamples=200)
    assert set(frame["setting_id"]) == {"jiang2024_bert"}
    assert frame.equals(bootstrap.bootstrap(store, plan, found, resamples=200))
    rows = {row["metric"]: row for row in frame.iter_rows(named=True)}
    accuracy = np.mean([example_based(labels, logits > -1.5)["accuracy"] for labels, logits in parts])
    precision = np.mean([by_definition(labels, logits).mean() for labels, logits in parts])
    assert (rows["accuracy"]["value"], rows["map"]["value"]) == (pytest.approx(accuracy), pytest.approx(precision))
    assert all(row["low"] < row["value"] < row["high"] for row in rows.values())
    assert {row["tracks_test"] for row in rows.values()} == {150}
    (store.run("r3") / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunFileError, match=r"r3.*Delete the folder"):
        bootstrap.bootstrap(store, plan, found, resamples=2)


def test_an_interval_holds_95_percent_of_the_draws() -> None:
    found = bootstrap.interval([0.5, *(number / 1000 for number in range(1001))])
    assert found == {"value": 0.5, "low": 0.025, "high": 0.975}


def test_tracks_without_a_genre_are_not_drawn(tmp_path: Path) -> None:
    store = Store(tmp_path)
    labels, _ = write_predictions(store, "r", 0)
    path = store.run("r") / "predictions.parquet"
    empty = pl.DataFrame({"track_id": ["u"], "scores": [[9.0] * 4], "labels": [[]]})
    pl.concat([pl.read_parquet(path), empty], how="vertical_relaxed").write_parquet(path)
    found, logits = bootstrap.predictions(store, "r")
    assert found.tolist() == labels.tolist()
    assert len(logits) == len(labels)


def test_seeds_on_one_split_see_the_same_draws() -> None:
    first, again, other = (np.concatenate(list(bootstrap.draws(7, fold, 3))) for fold in (0, 0, 1))
    assert (first == again).all()
    assert (first[0] == 1).all()
    assert (first.sum(axis=1) == 7).all()
    assert not (first == other).all()


def precisions(values: dict[str, dict[str, list[float | None]]]) -> tuple[dict[str, FinishedRuns], pl.DataFrame]:
    """`run.genre_ap` of five folds: setting -> genre -> precision by fold."""
    rows = [
        {"run_id": f"{SIDES[name]}{fold}", "genre": genre, "average_precision": value, "positives": 1}
        for name, genres in values.items()
        for genre, folds in genres.items()
        for fold, value in enumerate(folds)
    ]
    found = {name: FinishedRuns(tuple(f"{SIDES[name]}{fold}" for fold in range(5)), "random", {}) for name in values}
    return found, typed_frame("run.genre_ap", rows)


def test_importance_is_the_share_that_a_missing_modality_costs(plan: Plan) -> None:
    found, rows = precisions(
        {
            "jiang2024_mae": {"rock": [0.4, 0.6, None, 0.5, 0.5], "grunge": [0.8] * 5, "jazz": [0.0] * 5},
            "jiang2024_mae_audio": {"rock": [0.4] * 5, "grunge": [0.8] * 5, "jazz": [0.3] * 5},
            "jiang2024_mae_lyrics": {"rock": [0.1] * 5, "grunge": [0.2] * 5, "jazz": [0.3] * 5},
        }
    )
    names = {"corpus": "m4a", "genre": ["rock", "grunge", "jazz"], "coarse_genre": ["rock", "rock", "jazz"]}
    coarse = typed_frame("genre.coarse", pl.DataFrame({**names, "status": "mapped"}).to_dicts())
    frame = modality_importance(plan, found, rows, coarse)
    shown = {(row["level"], row["genre"]): row for row in frame.filter(work="jiang2024").iter_rows(named=True)}
    rock = shown["genre", "rock"]
    assert (rock["ap_multimodal"], rock["audio_importance"]) == (pytest.approx(0.5), pytest.approx(0.8))
    assert (rock["lyrics_importance"], rock["importance_ratio"]) == (pytest.approx(0.2), pytest.approx(4))
    assert shown["genre", "grunge"]["importance_ratio"] is None
    assert shown["genre", "jazz"]["audio_importance"] is None
    whole = shown["coarse", "rock"]
    assert (whole["audio_importance"], whole["labels_averaged"]) == (pytest.approx((0.8 + 0.75) / 2), 2)
    assert whole["importance_ratio"] == pytest.approx((0.8 + 0.75) / 0.2)
    assert ("coarse", "jazz") not in shown
    others = typed_frame("genre.coarse", [{"corpus": "m4a", "genre": g, "coarse_genre": None, "status": "unmapped"}
                                          for g in ("grunge", "reggae")])  # fmt: skip
    with_unmapped = pl.concat([coarse.filter(pl.col("genre") != "grunge"), others])
    fewer = modality_importance(plan, found, rows, with_unmapped)
    assert fewer.filter(level="coarse", genre="rock")["labels_averaged"].to_list() == [1]
    missing = left_out(fewer.to_dicts(), with_unmapped.to_dicts())
    assert missing == {NO_COARSE: ["grunge"], NO_IMPORTANCE: ["jazz"]}
    rows = {"report.modality_importance": fewer.to_dicts(), "genre.coarse": with_unmapped.to_dicts()}
    shown = report_page(plan, "sample", {name: rows.get(name, []) for name in READ}, [])
    assert "Left out, without a coarse genre: grunge." in shown
    found.pop("jiang2024_mae_audio")
    assert modality_importance(plan, found, rows, coarse).is_empty()


def test_contrastive_accuracy_is_the_highest_of_pretraining_beside_its_chance(plan: Plan) -> None:
    tuned, before, other = (Mock(run_id=run_id) for run_id in ("f0", "p", "q"))
    planned = PlannedRuns(
        {"jiang2024_mae": [tuned], "jiang2024_mae_masked_0_5": []},
        {},
        {"jiang2024_mae": [before], "jiang2024_mae_masked_0_5": [other]},
    )
    runs = pl.DataFrame({"run_id": ["f0", "p", "q"], "init": ["pretrained=p(random)", "random", "random"]})
    runs = runs.with_columns(
        fold=pl.Series([0, None, None]),
        tracks_test=pl.Series([9, None, None]),
        tracks_unlabelled=2,
        versions_json=pl.lit('{"torch": "2.13.0"}'),
    )
    timings = pl.DataFrame({"run_id": ["f0", "p", "q"], "device": ["cpu", "gpu", "cpu"], "arithmetic": [None] * 3})
    scores = typed_frame("run.fold_scores", [{"run_id": "f0", "metric": "f1", "value": 0.5, "classes_scored": None}])
    epochs = [
        {"run_id": "p", "epoch": epoch, "metric": f"contrastive_{metric}", "value": value}
        for metric, values in {"accuracy": (0.4, 0.3), "chance": (0.25, 0.25)}.items()
        for epoch, value in enumerate(values, start=1)
    ]
    painted = [
        {"setting_id": "jiang2024_mae_masked_0_5", "mask_ratio": 0.5, "track_id": t, "run_id": "q", "mse": m}
        for t, m in (("a", 1.0), ("b", 3.0))
    ]
    found = finished_runs(
        plan,
        planned,
        runs,
        scores,
        typed_frame("run.epochs", epochs),
        typed_frame("report.inpainting", painted),
        typed_frame("run.genre_ap", []),
        timings,
    )
    # The pretraining was computed elsewhere than the run that started from it.
    assert [found[name].mixed for name in found] == ["device: cpu, gpu", ""]
    mae = found["jiang2024_mae"].scores
    assert (mae["f1"], mae["contrastive_accuracy"]) == ((0.5,), (0.4,))
    # As training wrote it down: a smaller last batch is easier to guess than 1 / batch_size says.
    assert mae["contrastive_chance"] == (0.25,)
    assert (found["jiang2024_mae"].tracks_test, found["jiang2024_mae"].tracks_unlabelled) == (9, 2)
    assert found["jiang2024_mae_masked_0_5"].tracks_test is None
    assert found["jiang2024_mae_masked_0_5"].run_ids == ("q",)
    assert found["jiang2024_mae_masked_0_5"].scores["mse/0.5"] == (2.0,)
