import contextlib
import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipelines.config
import warehouse.cli
from tests.unit.warehouse.warehouse_frames import FOLDS, GENRES, results
from warehouse.cli import main
from warehouse.render import as_csv, as_json, as_markdown, as_text, display_width
from warehouse.shards.writer import FeatureSpec, write_shard
from warehouse.tables import write_table

ROOT = Path(__file__).parents[3]


@pytest.fixture
def filled(store, monkeypatch):
    write_table(store, "corpus.folds", FOLDS)
    write_table(store, "core.track_genres", GENRES, part="m")
    write_table(store, "report.results", results(("w2023", "", "r", 1, "map", 1.0, 0.1234567, "done")))
    monkeypatch.setenv("MGC_STORE", str(store.root))
    return store


def run(capsys, *arguments):
    code = main(arguments)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_query_prints_aligned_columns_with_visible_nulls(filled, capsys):
    query = "SELECT row_id, map_printed, map_ours, map_stars, ['a', NULL] AS l, 'x\ty' AS t FROM report.w2023"
    code, out, _ = run(capsys, "sql", query)
    assert code == 0
    assert out.splitlines() == [
        "row_id  map_printed  map_ours  map_stars  l          t",
        "------  -----------  --------  ---------  ---------  ----",
        "r                 1    0.1235  NULL       [a, NULL]  x\\ty",
    ]


def test_csv_and_json_keep_every_digit_and_every_column(filled, capsys):
    query = "SELECT 0.1::DOUBLE + 0.2::DOUBLE AS a, 'é, \"q\"' AS a, NULL AS n, 'nan'::DOUBLE AS bad, ['x'] AS l"
    assert run(capsys, "sql", query, "--csv")[1] == 'a,a,n,bad,l\n0.30000000000000004,"é, ""q""",,nan,"[""x""]"\n'
    (row,) = json.loads(run(capsys, "sql", query, "--json")[1])
    assert row == {"a": 0.30000000000000004, "a_2": 'é, "q"', "n": None, "bad": None, "l": ["x"]}
    assert json.loads(run(capsys, "sql", f"{query} WHERE false", "--json")[1]) == []


def test_limit_stops_and_says_so(filled, capsys):
    code, out, err = run(capsys, "sql", "FROM range(10)", "--limit", "2", "--csv")
    assert (code, out) == (0, "range\n0\n1\n")
    assert "Stopped after 2 rows" in err
    assert run(capsys, "sql", "FROM range(2)", "--limit", "2")[2] == ""


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("FROM folds", 'Did you mean "corpus.folds"'),
        ("FROM report.w202", "Nearest: report.w2023"),
        ("FROM core.xyzzy", "`python -m warehouse tables` lists all"),
        ("SELEC 1", "syntax error"),
        ("SELECT part FROM corpus.folds", "part"),
        (" ", "The query is empty"),
    ],
)
def test_a_query_that_fails_is_explained_without_a_traceback(filled, capsys, query, says):
    code, out, err = run(capsys, "sql", query)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_tables_lists_every_table_and_view_with_rows(filled, capsys):
    lines = {line.split()[0]: line for line in run(capsys, "tables")[1].splitlines()}
    assert lines["corpus.folds"].split()[1] == "3"
    assert "Not written yet" in lines["core.tracks"]
    assert lines["report.w2023"].split()[1] == "1"


def test_describe_explains_tables_and_report_views_and_offers_the_nearest(filled, capsys):
    out = run(capsys, "describe", "core.audio_files")[1]
    assert "Key: dataset, track_id." in out
    assert any(line.split()[:3] == ["duration_s", "float64", "yes"] for line in out.splitlines())
    as_json = {row["column"]: row for row in json.loads(run(capsys, "describe", "core.audio_files", "--json")[1])}
    assert (as_json["duration_s"]["unit"], as_json["track_id"]["nullable"]) == ("s", False)
    assert "map: Mean as printed" in run(capsys, "describe", "report.w2023")[1]
    code, _, err = run(capsys, "describe", "audio_files")
    assert (code, "Nearest: core.audio_files" in err) == (2, True)


def test_check_ends_with_1_and_names_what_is_wrong(filled, capsys):
    assert run(capsys, "check")[0] == 0
    write_table(filled, "corpus.folds", FOLDS, part="copy")
    (filled.root / "tables/core/olden").mkdir()
    (filled.root / "tables/core/olden/all.parquet").write_bytes(b"")
    code, out, _ = run(capsys, "check")
    assert code == 1
    assert "corpus.folds: 3 rows repeat the key" in out
    assert "olden is not in the contract; delete it" in out


def test_check_compares_shards_with_their_checksums_on_request(filled, capsys):
    path = filled.feature("lyric_tokens", "m") / "shard-00000.parquet"
    info = write_shard(path, FeatureSpec("lyric_tokens", "int32", 1, {}), [])
    row = {"feature": "lyric_tokens", "dataset": "m", "shard": 0, "path": str(path.relative_to(filled.root)), "rows": 0}
    shards = {**row, "bytes": info.bytes, "sha256": info.sha256, "spec_hash": "x"}
    write_table(filled, "feature.shards", pl.DataFrame([shards]))
    assert run(capsys, "check", "--shards")[0] == 0
    path.write_bytes(path.read_bytes() + b"x")
    code, out, _ = run(capsys, "check", "--shards")
    assert (code, "it is damaged" in out) == (1, True)


@pytest.mark.parametrize("arguments", [("tables",), ("sql", "SELECT 1"), ("check",), ("describe", "report.x")])
def test_a_store_with_nothing_in_it_says_what_to_run(tmp_path, capsys, arguments):
    code, out, err = run(capsys, *arguments, "--store", str(tmp_path))
    assert (code, out) == (2, "")
    assert str(tmp_path) in err
    assert "make repro" in err


def test_the_default_store_is_the_one_the_pipelines_fill():
    assert warehouse.cli.DEFAULT_STORE == pipelines.config.DEFAULT_STORE


def test_a_reader_that_leaves_early_is_no_error(filled):
    command = f'{sys.executable} -m warehouse sql "FROM range(1000000)" --csv | head -1; exit ${{PIPESTATUS[0]}}'
    shell = ["/bin/bash", "-c", command]
    done = subprocess.run(shell, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "range\n", "")


def on_a_terminal(*arguments, width=80):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "warehouse", *arguments]
    environment = {**os.environ, "COLUMNS": str(width), "TERM": "xterm"}
    process = subprocess.Popen(command, cwd=ROOT, stdout=theirs, env=environment)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while chunk := os.read(ours, 4096):
            seen += chunk
    os.close(ours)
    assert process.wait(60) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", seen.decode())


def test_a_terminal_gets_lines_that_fit_it(filled):
    query = "SELECT repeat('wide ', 40) AS w, * FROM report.results"
    text = on_a_terminal("sql", query)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "wide wide wid…" in text
    assert "run_ids" in text


@pytest.fixture
def printed(store, monkeypatch):
    rows = [
        ("j2024", "table_6_9", name, order, metric, 34.5, ours, status)
        for order, (name, ours, status) in enumerate([("a", 33.333, "done"), ("b", None, "not run: why")], start=1)
        for metric in ("map", "accuracy", "f1")
    ]
    write_table(store, "report.results", results(*rows))
    monkeypatch.setenv("MGC_STORE", str(store.root))
    return store


@pytest.mark.parametrize("name", ["j2024_table_6_9", "report.j2024_table_6_9"])
def test_show_prints_a_table_of_a_work_with_both_sides_its_kind_of_data_and_reasons(printed, capsys, name):
    code, out, _ = run(capsys, "show", name)
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert "SAMPLE DATA" in out
    assert ["accuracy", "accuracy", "f1", "f1", "map", "map"] in lines
    assert ["A", *["34.50", "33.33", "±", "0.50"] * 3] in lines
    assert ["B:", "not", "run:", "why"] in lines


@pytest.mark.parametrize("width", [40, 80, 140])
def test_show_keeps_to_the_width_of_a_terminal_and_cuts_no_number(printed, width):
    text = on_a_terminal("show", "j2024_table_6_9", width=width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert text.count("33.33 ± 0.50") == text.count("34.50") / 2 == 3
    assert "…" not in text


def test_show_of_an_unknown_table_names_the_nearest_and_all(printed, capsys):
    code, out, err = run(capsys, "show", "j2024_table_69")
    assert (code, out) == (2, "")
    assert "Nearest: j2024_table_6_9" in err


def test_text_rounds_a_column_alike_and_csv_keeps_every_digit(filled, capsys):
    query = "FROM (VALUES (12.3456789::DOUBLE, 1e-7::DOUBLE), (0.5, 0.25), (-0.00001, 0.75)) AS t(a, b)"
    assert [line.split() for line in run(capsys, "sql", query)[1].splitlines()[2:]] == [
        ["12.35", "1.0e-07"],
        ["0.50", "0.25"],
        ["-1.0e-05", "0.75"],
    ]
    assert "12.3456789,1e-07" in run(capsys, "sql", query, "--csv")[1]


CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.binary())


@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8), width=st.one_of(st.none(), st.integers(1, 200)))
def test_any_values_stay_one_line_a_row_and_parse_back(rows, width):
    names = ["a", "b", "c"]
    text = list(as_text(names, rows, width))
    assert all(line.isprintable() for line in text)
    if width is None:
        assert len(text) == len(rows) + 2
    elif width >= 3 * 24 + 4:
        assert all(display_width(line) <= width for line in text)
    assert len(json.loads("\n".join(as_json(names, rows)))) == len(rows)
    assert len(list(csv.reader(io.StringIO("\n".join(as_csv(names, rows)), newline="")))) == len(rows) + 1


def test_a_table_in_markdown_keeps_its_columns_whatever_the_cells_hold() -> None:
    lines = as_markdown(["genre", "tracks"], [("rock|pop", 1234567), ("", 0)]).splitlines()
    assert lines == ["| genre | tracks |", "| --- | --- |", "| rock\\|pop | 1,234,567 |", "|  | 0 |"]
