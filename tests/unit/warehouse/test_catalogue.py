import shutil
import threading

import duckdb
import polars as pl
import pytest

from tests.unit.warehouse.warehouse_frames import EVIL, FOLDS, GENRES, LYRICS, results
from warehouse import catalogue
from warehouse.catalogue import connect, export_catalogue
from warehouse.contract import ContractError, load_contract
from warehouse.store import Store
from warehouse.tables import write_table

TABLE_6_9 = results(
    ("jiang2024", "table_6_9", "bert", 2, "map", 20.5, None, "not implemented"),
    ("jiang2024", "table_6_9", "alnet", 1, "map", 40.25, 39.5, "done"),
    ("jiang2024", "table_6_9", "alnet", 1, "f1", 50.0, 51.0, "done"),
    ("jiang2024", "table_6_9", "alnet", 1, "accuracy", 30.0, 29.0, "not run: MGC_BERT is not set"),
    ("wongchemelli2023", "", "gtzan", 1, "accuracy", 0.5, 0.25, "done"),
)


def columns_of(connection, view):
    return [row[0] for row in connection.execute(f"DESCRIBE {view}").fetchall()]


def test_every_table_is_there_with_its_comments_even_when_never_written(store):
    connection = connect(store)
    for name, table in load_contract().items():
        assert connection.execute(f"SELECT * FROM {name}").fetchall() == []
        assert columns_of(connection, name) == list(table.column_names)
    comments = connection.execute("SELECT count(*) FROM duckdb_columns() WHERE NOT internal AND comment IS NULL")
    assert comments.fetchall() == [(0,)]


def test_all_parts_of_a_table_are_read_from_any_folder(store, monkeypatch, tmp_path):
    write_table(store, "corpus.folds", FOLDS[:2], part="m4a")
    write_table(store, "corpus.folds", FOLDS[2:], part="ru87")
    monkeypatch.chdir(store.root.parent)
    connection = connect(Store(store.root.relative_to(store.root.parent)))
    monkeypatch.chdir("/")
    assert connection.execute("SELECT sum(fold), count(*) FROM corpus.folds").fetchall() == [(5, 3)]
    text = connection.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'folds'").fetchall()[0][0]
    assert text == "Splits as tables. One row: one track under one scheme of one corpus. Key: corpus, scheme, track_id."


def test_a_store_whose_name_is_a_pattern_reads_only_its_own_files(tmp_path):
    for name, rows in (("st*re", FOLDS[:1]), ("stXre", FOLDS[1:])):
        write_table(Store(tmp_path / name), "corpus.folds", rows)
    assert connect(Store(tmp_path / "st*re")).execute("SELECT count(*) FROM corpus.folds").fetchall() == [(1,)]


def test_a_report_view_has_one_line_per_printed_row_in_printed_order(store):
    write_table(store, "report.results", TABLE_6_9)
    connection = connect(store)
    view = "report.jiang2024_table_6_9"
    assert columns_of(connection, view)[:7] == [
        *("row_id", "row_label", "accuracy_printed", "accuracy_printed_sd", "accuracy_ours", "accuracy_ours_sd"),
        "accuracy_stars",
    ]
    shown = f"SELECT row_id, row_label, map_printed, map_ours, f1_ours, status FROM {view}"
    assert connection.execute(shown).fetchall() == [
        ("alnet", "ALNET", 40.25, 39.5, 51.0, "done; not run: MGC_BERT is not set"),
        ("bert", "BERT", 20.5, None, None, "not implemented"),
    ]
    assert connection.execute("SELECT accuracy_ours FROM report.wongchemelli2023").fetchall() == [(0.25,)]


def test_names_that_are_sql_are_only_names(store):
    write_table(store, "core.track_genres", GENRES, part="m")
    write_table(store, "report.results", results((EVIL, 't"x', EVIL, 1, f'{EVIL}"', 1.0, 2.0, EVIL)))
    with duckdb.connect(str(export_catalogue(store)), read_only=True) as exported:
        for connection in (connect(store), exported):
            assert connection.execute("SELECT genre FROM core.track_genres").fetchall() == [(EVIL,)]
            assert connection.execute("SELECT * FROM core.tracks").fetchall() == []
            view = '"' + f'{EVIL}_t"x'.replace('"', '""') + '"'
            row = connection.execute(f"SELECT * FROM report.{view}").fetchall()
            assert row == [(EVIL, EVIL.upper(), 1.0, None, 2.0, 0.5, None, EVIL, "why", 31, 1)]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([("results", "", "map")], "report.results, and that name is taken"),
        ([("a_b", "c", "map"), ("a", "b_c", "map")], "report.a_b_c, and that name is taken"),
        ([("a", "b", "F1"), ("a", "b", "f1")], "differ in case only"),
    ],
)
def test_two_things_of_one_name_are_refused(store, names, says):
    rows = [(work, table_id, "r", 1, metric, 1.0, 1.0, "done") for work, table_id, metric in names]
    write_table(store, "report.results", results(*rows))
    with pytest.raises(ContractError, match=says):
        connect(store)


LARGE = "SELECT lyrics FROM core.lyrics"
SMALL = "SELECT map_ours FROM report.jiang2024_table_6_9"
MAPS = [(39.5,), (None,)]


@pytest.fixture
def exported(store):
    write_table(store, "report.results", TABLE_6_9)
    write_table(store, "core.lyrics", LYRICS, part="music4all")
    export_catalogue(store)
    return store


def every_query(connection):
    """The rows of each table and view; the message where there are none to be had."""
    names = connection.execute(
        "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal "
        "UNION ALL SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal"
    ).fetchall()
    found = {}
    for (name,) in names:
        try:
            found[name] = connection.execute(f"SELECT * FROM {name}").fetchall()
        except duckdb.Error as error:
            found[name] = str(error)
    return found


@pytest.mark.parametrize("how", ["moved", "copied"])
@pytest.mark.parametrize("given", ["absolute", "relative"])
def test_the_catalogue_file_answers_every_query_wherever_its_store_is_put(exported, tmp_path, monkeypatch, how, given):
    before = every_query(connect(exported))
    place = tmp_path / "else [where]" / "it's *here"
    {"moved": shutil.move, "copied": shutil.copytree}[how](exported.root, place)
    shutil.rmtree(exported.root, ignore_errors=True)
    monkeypatch.chdir("/" if given == "absolute" else place)
    file = "mgc.duckdb" if given == "relative" else str(place / "mgc.duckdb")
    with duckdb.connect(file, read_only=True) as connection:
        assert connection.execute(LARGE).fetchall() == [("licensed words",)]
        assert every_query(connection) == before


def test_the_catalogue_file_alone_answers_or_says_what_is_missing(exported, tmp_path):
    alone = tmp_path / "alone" / "mgc.duckdb"
    alone.parent.mkdir()
    shutil.copy(exported.catalogue, alone)
    assert b"licensed words" not in alone.read_bytes()
    with duckdb.connect(str(alone), read_only=True) as connection:
        assert connection.execute(SMALL).fetchall() == MAPS
        without = {name: text for name, text in every_query(connection).items() if isinstance(text, str)}
        assert without.keys() == {"core.lyrics"}
        assert f"{alone.parent}/tables/core/lyrics/music4all.parquet" in without["core.lyrics"]
        (comment,) = connection.execute("SELECT comment FROM duckdb_views() WHERE view_name = 'lyrics'").fetchall()[0]
        assert "SET VARIABLE mgc_store" in comment
        connection.execute(f"SET VARIABLE mgc_store = '{str(exported.root).replace(chr(39), chr(39) * 2)}'").fetchall()
        assert connection.execute(LARGE).fetchall() == [("licensed words",)]


def test_an_attached_catalogue_file_says_where_large_tables_are(exported):
    with duckdb.connect() as connection:
        file = str(exported.catalogue).replace("'", "''")
        connection.execute(f"ATTACH '{file}' AS mgc (READ_ONLY)").fetchall()
        connection.execute("USE mgc").fetchall()
        assert connection.execute(SMALL).fetchall() == MAPS
        with pytest.raises(
            duckdb.Error, match=r"core\.lyrics is not in this file\. Its rows are in tables/core/lyrics"
        ):
            connection.execute(LARGE).fetchall()


def test_a_table_that_grew_large_is_only_pointed_at(store, monkeypatch):
    monkeypatch.setattr(catalogue, "MOST_ROWS_INSIDE", len(FOLDS) - 1)
    write_table(store, "corpus.folds", FOLDS[:1], part="m4a")
    write_table(store, "corpus.folds", FOLDS[1:], part="ru87")
    write_table(store, "report.results", TABLE_6_9[:1])
    with duckdb.connect(str(export_catalogue(store)), read_only=True) as connection:
        kinds = "SELECT table_name FROM information_schema.tables WHERE table_type = 'VIEW' AND table_schema = 'corpus'"
        assert connection.execute(kinds).fetchall() == [("folds",)]
        assert connection.execute("SELECT count(*) FROM corpus.folds").fetchall() == [(len(FOLDS),)]


def test_a_reader_keeps_the_old_catalogue_and_the_next_one_sees_the_new(store):
    write_table(store, "corpus.folds", FOLDS[:1])
    reader = duckdb.connect(str(export_catalogue(store)), read_only=True)
    write_table(store, "corpus.folds", FOLDS)
    store.catalogue.with_name("mgc.duckdb.wal").write_bytes(b"left by a killed session")
    writers = [threading.Thread(target=export_catalogue, args=(store,)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert reader.execute("SELECT count(*) FROM corpus.folds").fetchall() == [(1,)]
    reader.close()
    with duckdb.connect(str(store.catalogue), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM corpus.folds").fetchall() == [(3,)]
    assert [path.name for path in store.root.glob("*mgc*")] == ["mgc.duckdb"]


def test_a_damaged_part_stops_the_catalogue_and_leaves_the_old_one(store):
    write_table(store, "corpus.folds", FOLDS)
    before = export_catalogue(store).read_bytes()
    pl.DataFrame({"corpus": ["x"]}).write_parquet(store.table("corpus.folds") / "all.parquet")
    with pytest.raises(ContractError, match=r"all\.parquet does not follow the contract: .*fold is missing.*Delete"):
        export_catalogue(store)
    assert store.catalogue.read_bytes() == before
