"""A flipped byte of a table never becomes a wrong row: its table says what to do, and the others answer."""

import json
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.warehouse.warehouse_frames import FOLDS, GENRES, results
from warehouse.catalogue import connect, export_catalogue
from warehouse.cli import main
from warehouse.contract import ContractError
from warehouse.store import DiskError, Store, replacing
from warehouse.tables import stored_inputs, write_table
from warehouse.verified import SMALL_BYTES

QUERY = "FROM report.results"
ROWS = results(("w2023", "", "ours", 1, "map", 1.0, 2.0, "done"), ("w2023", "", "fused", 2, "map", 3.0, 4.0, "done"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("sound"))
    write_table(store, "corpus.folds", FOLDS)
    write_table(store, "core.track_genres", GENRES, part="m")
    write_table(store, "report.results", ROWS, inputs="abc")
    return store


def ask(capsys, store, query):
    code = main(["sql", query, "--json", "--store", str(store.root)])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if code == 0 else printed.err


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), whole_byte=st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_flipped_byte_is_refused_by_name_and_would_be_made_again(sound, place, bit, whole_byte):
    path = sound.table("report.results") / "all.parquet"
    before = path.read_bytes()
    at = int(place * len(before))
    flipped = before[at] ^ (0xFF if whole_byte else 1 << bit)
    expected = connect(sound).execute(QUERY).fetchall()
    path.write_bytes(before[:at] + bytes([flipped]) + before[at + 1 :])
    try:
        assert stored_inputs(sound, "report.results") is None
        assert connect(sound, QUERY).execute(QUERY).fetchall() == expected  # flipped was the name of the checksum
    except duckdb.InvalidInputException as error:
        assert f"{path} is damaged: " in str(error)
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("damage", [lambda b: b[:-300], lambda b: b[:0], lambda b: b[:50] + b"\x00" + b[51:]])
def test_one_damaged_part_stops_its_own_table_alone(sound, tmp_path, capsys, damage):
    path = sound.table("report.results") / "all.parquet"
    before = path.read_bytes()
    path.write_bytes(damage(before))
    try:
        for query in ("FROM report.results", "SELECT count(*) FROM report.results", "FROM report.w2023"):
            code, said = ask(capsys, sound, query)
            assert code == 2
            assert said.startswith(f"{path} is damaged: ")
            assert "`dagster job execute -j full_repro` makes report.results again." in said
            assert len(said.splitlines()) == 1
        assert ask(capsys, sound, "SELECT max(fold) AS last FROM corpus.folds") == (0, [{"last": 4}])
        with pytest.raises(ContractError, match="is damaged"):
            export_catalogue(sound)
        assert main(["tables", "--csv", "--store", str(sound.root)]) == 1
        listed = capsys.readouterr().out
        assert "corpus.folds,3," in listed
        assert f'report.results,,"{path} is damaged' in listed
    finally:
        path.write_bytes(before)


def test_a_query_verifies_the_tables_that_it_names_and_a_large_part_once(sound, capsys, monkeypatch):
    read = []
    damage = __import__("warehouse.catalogue", fromlist=["damage"]).damage
    monkeypatch.setattr("warehouse.catalogue.damage", lambda path: read.append(path.parent.name) or damage(path))
    monkeypatch.setattr("warehouse.verified.SMALL_BYTES", 0)
    for query in ("SELECT 1 FROM corpus.folds", "SELECT 1 FROM corpus.FOLDS", "SELECT 1 FROM core.track_genres"):
        assert ask(capsys, sound, query)[0] == 0
    assert read == ["folds", "results", "track_genres"]
    assert SMALL_BYTES > 0


def test_a_part_of_an_earlier_version_is_read_and_made_again(sound, capsys, tmp_path):
    import pyarrow.parquet as pq

    store = Store(tmp_path)
    path = write_table(store, "corpus.folds", FOLDS, inputs="abc")
    pq.write_table(pq.read_table(path), path)
    assert ask(capsys, store, "SELECT count(*) AS n FROM corpus.folds") == (0, [{"n": 3}])
    assert stored_inputs(store, "corpus.folds") is None


def test_a_full_disk_names_the_file_whatever_library_wrote_it(tmp_path, monkeypatch):
    path = tmp_path / "some.parquet"
    path.write_text("before")
    said = f"{path} cannot be written: the disk is full.*MGC_STORE"
    with pytest.raises(DiskError, match=said), replacing(path), Path("/dev/full").open("wb") as full:
        full.write(b"1")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(DiskError, match="cannot be written"), replacing(path):
        raise RuntimeError("unexpected pos 64 vs 0")  # what torch says of a full disk
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["some.parquet"]
