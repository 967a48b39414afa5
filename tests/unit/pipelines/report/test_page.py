"""From run folders to run tables, results, page: through the assets as the job runs them."""

import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from mgc_models.config.run import Run
from pipelines.assets import report, training
from pipelines.assets.resources import MgcResource
from pipelines.assets.training import finetune_key, scores_table
from pipelines.experiments import TrainingData, load_plan, runs_for
from pipelines.training.planned import PlannedRuns
from warehouse.store import Store
from warehouse.tables import check_table, read_table, write_table

NASTY = "'; DROP TABLE report.results; --<script>alert(1)</script>"
DATA = TrainingData(
    "m4a", "music4all", "random5", "c0ffee", "training_inputs/c0ffee.parquet", dict.fromkeys(range(5), 20)
)
SETTINGS = ("jiang2024_inception_v4", "jiang2024_bert", "jiang2024_alnet")


def write_run(store: Store, run: Run, level: float) -> None:
    folder = store.run(run.run_id)
    folder.mkdir(parents=True)
    score = level + run.data.fold / 100
    result = {
        "run_id": run.run_id,
        "parameters": 1000,
        "init": "random",
        "tracks_train": 80,
        "tracks_train_unlabelled": 3,
        "tracks_test": 20,
        "tracks_unlabelled": 1,
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "scores": {"accuracy": score, "precision": score, "recall": score, "f1": score, "map": score, "loss": 0.5},
        "classes_scored": {"map": 2},
        "genre_ap": [{"genre": NASTY, "average_precision": None, "positives": 0}],
        "epochs": [{"epoch": epoch, "metric": "loss", "value": 1 / epoch} for epoch in (1, 2, 3)],
    }
    timing = {"device": "cpu", "started_at": "2026-11-20T12:00:00+00:00", "duration_wall_s": 1, "sessions": 1}
    tracks = {"track_id": ["a", "b"], "scores": [[1.0, -9.0], [-9.0, -9.0]], "labels": [[0], [1]]}
    pl.DataFrame(tracks).write_parquet(folder / "predictions.parquet")
    (folder / "result.json").write_text(json.dumps(result))
    (folder / "timing.json").write_text(json.dumps(timing))


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> PlannedRuns:
    plan = load_plan("sample")
    runs = PlannedRuns({name: runs_for(plan, name, DATA, {}, "sample") for name in SETTINGS}, {}, {})
    monkeypatch.setattr(training, "read_planned", lambda *_: runs)
    return runs


@pytest.fixture
def store(tmp_path: Path, planned: PlannedRuns) -> Store:
    store = Store(tmp_path / "store")
    for setting_id, level in zip(SETTINGS, (0.3, 0.2, 0.4), strict=True):
        for run in planned.runs[setting_id]:
            write_run(store, run, level)
    steps = {"corpus": ["m4a"], "step_order": [1], "step": ["raw rows"], "rows_in": [130], "rows_out": [130]}
    write_table(
        store, "corpus.steps", pl.DataFrame({**steps, "reason": [NASTY]}, schema_overrides={"step_order": pl.Int32})
    )
    return store


def materialize(store: Store) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        report.results_assets([]), resources={"mgc": MgcResource(store=str(store.root))}, raise_on_error=False
    )


def unchanged(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    events = result.get_asset_materialization_events()
    return {
        event.asset_key.to_user_string(): bool(event.materialization.metadata["unchanged"].value)
        for event in events
        if event.asset_key
    }


def test_finished_runs_become_tables_beside_the_printed_numbers(store: Store) -> None:
    assert materialize(store).success
    assert read_table(store, "run.runs").num_rows == 15
    assert not [found for name in (*report.RUN_TABLES, *report.RESULT_TABLES) for found in check_table(store, name)]
    rows = pl.DataFrame(read_table(store, "report.results")).filter(table_id="table_6_9", metric="accuracy")
    shown = {row["row_id"]: row for row in rows.iter_rows(named=True)}
    assert shown["alnet"]["ours_mean"] == pytest.approx(42.0)
    assert shown["alnet"]["ours_sd"] == pytest.approx(1.5811, abs=1e-4)
    assert (shown["alnet"]["status"], shown["alnet"]["n"], shown["alnet"]["printed_mean"]) == ("done", 5, 35.58)
    assert (shown["ours"]["status"], shown["ours"]["ours_mean"], shown["ours"]["data_kind"]) == (
        "not run: 0 of 5 runs are finished (`dagster job execute -j jiang2024`)",
        None,
        None,
    )


def test_a_mean_over_genres_says_of_how_many_and_other_metrics_do_not(store: Store) -> None:
    assert materialize(store).success
    scores = pl.DataFrame(read_table(store, "run.fold_scores"))
    assert set(scores.filter(metric="map")["classes_scored"]) == {2}
    assert set(scores.filter(pl.col("metric") != "map")["classes_scored"]) == {None}


def test_finished_runs_are_counted_for_this_job_and_for_each_other(store: Store, planned: PlannedRuns) -> None:
    """A job that holds BERT alone: its five runs, all there, and of the others one that is not."""
    shutil.rmtree(store.run(planned.runs["jiang2024_alnet"][0].run_id))
    bert = dg.asset(key=finetune_key("jiang2024_bert"))(lambda: None)
    own = dg.materialize(
        [bert, *report.results_assets([])], resources={"mgc": MgcResource(store=str(store.root))}, raise_on_error=False
    )
    (runs,) = (one for one in own.asset_materializations_for_node("run_tables") if one.asset_key.path[-1] == "runs")
    assert (runs.metadata["this job"].value, runs.metadata["job jiang2024"].value) == ("5 of 5", "9 of 10")


def test_scores_of_runs_are_shown_where_a_fold_lacks_one(store: Store, planned: PlannedRuns) -> None:
    """A genre that no test track of a fold has leaves its score out of that run."""
    runs = planned.runs["jiang2024_bert"]
    path = store.run(runs[1].run_id) / "result.json"
    result = json.loads(path.read_text())
    result["scores"] |= {"f1/Pop": 0.5}
    path.write_text(json.dumps(result))
    shown = scores_table(store, runs)
    assert "| f1/Pop | 0.5000 |  |" in shown
    assert "| f1 | 0.2200 | 0.0158 |" in shown


def test_a_second_pass_changes_nothing_and_says_so(store: Store) -> None:
    assert materialize(store).success
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    second = unchanged(materialize(store))
    assert second
    assert all(second.values()), second
    assert {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()} == before


def test_equal_runs_in_two_stores_give_equal_tables_figures_and_pages(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "elsewhere")
    shutil.copytree(store.root, other.root)
    assert materialize(store).success
    assert materialize(other).success
    for path in [*store.root.rglob("*.parquet"), *store.figures.glob("*.png"), store.report]:
        assert path.read_bytes() == (other.root / path.relative_to(store.root)).read_bytes(), path.name


DAMAGE = {
    "truncated": lambda path: path.write_text(path.read_text()[:40]),
    "empty": lambda path: path.write_text(""),
    "a list": lambda path: path.write_text("[]"),
    "a key missing": lambda path: path.write_text(path.read_text().replace('"scores"', '"score"')),
    "of another run": lambda path: path.write_text(
        re.sub(r'"run_id": "\w+"', '"run_id": "0123456789abcdef"', path.read_text())
    ),
    "binary": lambda path: path.write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_result_is_named_with_its_mend(damage: str, store: Store, planned: PlannedRuns) -> None:
    path = store.run(planned.all_runs()[3].run_id) / "result.json"
    DAMAGE[damage](path)
    result = materialize(store)
    assert not result.success
    failures = [event.step_failure_data.user_failure_data for event in result.get_step_failure_events()]
    messages = [failure.description or "" for failure in failures if failure]
    assert any(str(path) in message and "delete the folder" in message.lower() for message in messages), messages


def test_a_setting_with_unfinished_runs_has_no_number(store: Store, planned: PlannedRuns) -> None:
    for run in planned.runs["jiang2024_bert"][3:]:
        shutil.rmtree(store.run(run.run_id))
    assert materialize(store).success
    row = (
        pl.DataFrame(read_table(store, "report.results")).filter(table_id="table_6_9", row_id="bert").row(0, named=True)
    )
    assert (row["status"], row["ours_mean"], row["n"]) == (
        "not run: 3 of 5 runs are finished (`dagster job execute -j jiang2024`)",
        None,
        0,
    )


def test_the_catalogue_shows_a_view_per_printed_table(store: Store) -> None:
    import duckdb

    assert materialize(store).success
    with duckdb.connect(str(store.catalogue), read_only=True) as connection:
        rows = connection.execute(
            "SELECT row_id, accuracy_printed, accuracy_ours, status, note, tracks_test, tracks_unlabelled "
            "FROM report.jiang2024_table_6_9"
        ).fetchall()
        views = connection.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = 'report'").fetchall()
    assert [row[0] for row in rows] == ["ours", "inception_v4", "bert", "alnet"]
    assert rows[1][1:] == (34.33, pytest.approx(32.0), "done", None, 100, 5)
    assert {name for (name,) in views} >= {table.name for table in load_plan("sample").tables}


class Page(HTMLParser):
    """Collects headings, text, tags and addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(store: Store) -> Iterator[Page]:
    assert materialize(store).success
    yield Page(store.report.read_text(encoding="utf-8"))


def test_the_page_stands_alone_and_shows_every_table(page: Page) -> None:
    assert page.tags.count("h1") == 1
    for table in load_plan("sample").tables:
        assert table.title in page.text
        assert table.source in page.text
        assert all(row.label in page.text for row in table.rows)
    assert "Results on the sample corpus" in page.text
    assert "34.33 ± 0.48" in page.text
    assert "32.00 ± 1.58" in page.text
    assert "95 of 100 tracks scored" in page.text  # one in every fold has no genre in scope
    assert " ".join(page.text.split()).count("with fewer than five pairs p cannot fall below .05") == 1
    assert any(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert all(address.startswith(("data:", "#")) for address in page.addresses)


def test_finished_runs_are_not_replaced_by_fewer(store: Store, planned: PlannedRuns) -> None:
    assert materialize(store).success
    before = {name: read_table(store, name) for name in (*report.RUN_TABLES, *report.RESULT_TABLES)}
    for run in planned.runs["jiang2024_bert"][:2]:
        shutil.rmtree(store.run(run.run_id))
    failed = materialize(store)
    assert not failed.success
    (failure,) = [event for event in failed.all_events if event.is_step_failure]
    assert "jiang2024_bert (finetune): 3 of 5" in str(failure.event_specific_data)
    assert all(read_table(store, name).equals(table) for name, table in before.items())
    shutil.rmtree(store.table("run.runs"))  # as the message says, to let them go
    assert materialize(store).success
    assert read_table(store, "run.runs").num_rows == 13


def test_intervals_follow_the_predictions(store: Store, planned: PlannedRuns) -> None:
    assert materialize(store).success
    before = read_table(store, "report.bootstrap")
    path = store.run(planned.runs["jiang2024_bert"][0].run_id) / "predictions.parquet"
    pl.read_parquet(path).with_columns(scores=pl.Series([[-9.0, 1.0], [9.0, -9.0]])).write_parquet(path)
    assert materialize(store).success
    assert not read_table(store, "report.bootstrap").equals(before)


def test_a_page_cut_short_is_written_again(store: Store) -> None:
    assert materialize(store).success
    whole = store.report.read_bytes()
    store.report.write_bytes(whole[: len(whole) // 2])
    assert not unchanged(materialize(store))["report/html"]
    assert store.report.read_bytes() == whole


def test_text_from_data_stays_text(page: Page) -> None:
    assert "script" not in page.tags
    assert NASTY in page.text
