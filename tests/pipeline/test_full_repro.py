"""The main job on a planted corpus: filled tables, nothing unaccounted, an idle second run."""

import json
import subprocess
import sys
import time

import duckdb
import pytest

from tests.pipeline.harness import ROOT, Checkout, contents
from warehouse.catalogue import connect
from warehouse.contract import load_contract
from warehouse.tables import check_table

pytestmark = pytest.mark.pipeline
MODELS = {"ours", "inception_v4", "bert", "alnet"}


def test_table_6_9_stands_beside_the_printed_numbers(finished: Checkout) -> None:
    rows = (
        connect(finished.store)
        .execute(
            "SELECT row_id, accuracy_printed, accuracy_ours, f1_ours, map_ours, status FROM report.jiang2024_table_6_9"
        )
        .fetchall()
    )
    by_row = {row[0]: row[1:] for row in rows}
    done = {row for row, values in by_row.items() if values[-1] == "done"}
    assert done == MODELS
    assert by_row["alnet"][0] == 35.58
    assert all(0 < value <= 100 for row in done for value in by_row[row][1:4])


def test_tables_of_datasets_that_are_not_given_say_so(finished: Checkout) -> None:
    statuses = (
        connect(finished.store)
        .execute("SELECT work, table_id, row_id, status FROM report.results WHERE status LIKE 'not run%' GROUP BY ALL")
        .fetchall()
    )
    by_row = {(work, table, row): status for work, table, row, status in statuses}
    assert by_row["nandy2021", "table_1", "proposed"].startswith("not run: MGC_FMA_DIR")
    assert by_row["nandy2021", "table_1", "kim"].startswith("not run: the source quotes Kim et al.")
    assert "MGC_MSD_DIR" in by_row["jiang2024", "table_6_5", "m4a_msd"]


def test_every_table_keeps_its_contract(finished: Checkout) -> None:
    assert [v for name in load_contract() for v in check_table(finished.store, name)] == []


def test_every_raw_row_is_accounted_for(finished: Checkout) -> None:
    con = connect(finished.store)
    steps = con.execute(
        "SELECT corpus, sum(rows_in - rows_out) FROM corpus.steps WHERE step_order > 2 GROUP BY corpus"
    ).fetchall()
    excluded = dict(con.execute("SELECT corpus, count(*) FROM corpus.exclusions GROUP BY corpus").fetchall())
    assert {corpus: int(lost) for corpus, lost in steps} == excluded
    (raw,) = con.execute("SELECT rows_out FROM corpus.steps WHERE corpus = 'm4a' AND step_order = 1").fetchone()
    (kept,) = con.execute("SELECT count(*) FROM corpus.m4a").fetchone()
    (unread,) = con.execute(
        "SELECT rows_in - rows_out FROM corpus.steps WHERE corpus = 'm4a' AND step_order = 2"
    ).fetchone()
    assert raw == kept + unread + excluded["m4a"]


def test_a_second_run_changes_nothing_and_trains_nothing(finished: Checkout) -> None:
    before = contents(finished.store)
    times = {path: path.stat().st_mtime_ns for path in finished.store.root.rglob("*.parquet")}
    started = time.time()
    done = finished.job()
    assert done.returncode == 0, done.stderr[-4000:]
    assert contents(finished.store) == before
    assert {path: path.stat().st_mtime_ns for path in finished.store.root.rglob("*.parquet")} == times
    assert not [p for p in finished.store.root.glob("runs/*/model.safetensors") if p.stat().st_mtime > started]


def test_the_catalogue_can_be_carried_off(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = tmp_path_factory.mktemp("elsewhere") / "mgc.duckdb"
    copy.write_bytes(finished.store.catalogue.read_bytes())
    with duckdb.connect(str(copy), read_only=True) as con:
        (done,) = con.execute("SELECT count(*) FROM report.jiang2024_table_6_9 WHERE status = 'done'").fetchone()
    assert done == len(MODELS)


def test_the_store_refuses_the_other_kind_of_data(finished: Checkout) -> None:
    done = finished.job(MGC_MUSIC4ALL_DIR="")
    assert done.returncode == 2
    assert "the two never share a store" in done.stderr


def test_the_store_refuses_another_profile_before_any_work(finished: Checkout) -> None:
    before = contents(finished.store)
    done = finished.job("report", MGC_PROFILE="paper")
    assert done.returncode == 2
    assert "holds results of profile smoke" in done.stderr
    assert contents(finished.store) == before


def test_the_report_page_marks_every_status(finished: Checkout) -> None:
    page = finished.store.report.read_text()
    assert "the source quotes" in page
    assert "35.58" in page
    assert "<script" not in page.lower()


def test_runs_name_their_start_and_versions(finished: Checkout) -> None:
    con = connect(finished.store)
    rows = con.execute(
        "SELECT run_id, stage, init, pretrained, versions_json FROM run.runs WHERE work = 'jiang2024'"
    ).fetchall()
    pretrainings = {run_id for run_id, stage, *_ in rows if stage == "pretrain"}
    assert len(pretrainings) == 18  # of the thesis' 19, one needs the Million Song Dataset
    for _, _, init, pretrained, versions in rows:
        assert init.startswith("random" if pretrained is None else f"pretrained={pretrained}(")
        assert pretrained is None or pretrained in pretrainings
        assert "torch" in json.loads(versions)


def test_the_command_line_answers_sql(finished: Checkout) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "warehouse", "sql", "FROM report.jiang2024_table_6_9", "--json"],
        cwd=ROOT,
        env=dict(finished.environment),
        capture_output=True,
        text=True,
        check=True,
    )
    assert {row["row_id"] for row in json.loads(done.stdout)} >= MODELS
