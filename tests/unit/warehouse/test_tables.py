import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.warehouse.warehouse_frames import FOLDS, GENRES, results
from warehouse.contract import ContractError, arrow_schema
from warehouse.store import ABANDONED_S, Store, remove_abandoned, replacing
from warehouse.tables import check_table, read_table, stored_inputs, table_files, table_hash, write_table

TABLE = "corpus.folds"


def test_rows_come_back_sorted_by_key_with_the_contract_types(store):
    write_table(store, TABLE, FOLDS.select(reversed(FOLDS.columns)))
    rows = read_table(store, TABLE)
    assert rows.schema.equals(arrow_schema(TABLE))
    assert rows.select(["corpus", "track_id", "fold"]).to_pydict() == {
        "corpus": ["m4a", "m4a", "ru87"],
        "track_id": ["a", "b", "a"],
        "fold": [0, 1, 4],
    }
    assert check_table(store, TABLE) == []


def test_equal_rows_give_equal_bytes_whatever_their_order_and_chunks(store):
    first = write_table(store, TABLE, FOLDS, inputs="x").read_bytes()
    before = table_hash(store, TABLE)
    chunked = pa.concat_tables([pa.table(FOLDS[2:]), pa.table(FOLDS[:2])])
    assert write_table(store, TABLE, chunked, inputs="x").read_bytes() == first
    assert table_hash(store, TABLE) == before
    write_table(store, TABLE, FOLDS.with_columns(fold=pl.lit(3)), inputs="x")
    assert table_hash(store, TABLE) != before


def test_a_table_without_a_key_is_sorted_by_all_columns_and_may_repeat_rows(store):
    frame = pl.DataFrame(
        {
            "dataset": ["m", "m", "m"],
            "track_id": [None, "b", "b"],
            "stage": ["read"] * 3,
            "reason": ["r"] * 3,
            "source_file": ["f"] * 3,
            "source_row": [1, 2, 2],
            "detail": [None] * 3,
        }
    )
    write_table(store, "core.rejects", frame, part="m")
    assert read_table(store, "core.rejects")["track_id"].to_pylist() == ["b", "b", None]


@given(
    values=st.lists(
        st.tuples(st.text(max_size=8), st.lists(st.text(max_size=4), max_size=3)),
        unique_by=lambda row: row[0],
        max_size=20,
    )
)
@settings(max_examples=30, deadline=None)
def test_any_text_and_lists_survive(tmp_path_factory, values):
    store = Store(tmp_path_factory.mktemp("s"))
    columns = {
        "track_id": [track_id for track_id, _ in values],
        "genres": [genres for _, genres in values],
        "genres_outside": [[] for _ in values],
    }
    schema = {"track_id": pl.String, "genres": pl.List(pl.String), "genres_outside": pl.List(pl.String)}
    frame = pl.DataFrame(columns, schema).with_columns(dataset=pl.lit("m"), kept_by_drop_samples=True)
    write_table(store, "corpus.m4a", frame)
    rows = read_table(store, "corpus.m4a")
    assert list(zip(rows["track_id"].to_pylist(), rows["genres"].to_pylist(), strict=True)) == sorted(
        values, key=lambda row: row[0].encode()
    )


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (FOLDS.drop("fold").with_columns(fould=1), "columns missing: fold; not in the contract: fould"),
        (FOLDS.with_columns(pl.col("fold").cast(pl.String)), "corpus.folds.fold: expected int32, found string"),
        (FOLDS.with_columns(fold=pl.lit(1.0)), "corpus.folds.fold: expected int32, found double"),
        (FOLDS.with_columns(fold=pl.lit(2**40)), "does not fit"),
        (FOLDS.with_columns(corpus=pl.lit(None, pl.String)), "3 of 3 rows are null, the first is row 0"),
        (pl.concat([FOLDS, FOLDS[:1]]), "for example corpus='m4a', scheme='random5', track_id='b'"),
    ],
)
def test_what_breaks_the_contract_is_refused_and_nothing_is_written(store, frame, says):
    with pytest.raises(ContractError) as caught:
        write_table(store, TABLE, frame)
    assert says in str(caught.value)
    assert table_files(store, TABLE) == []


def test_null_items_nan_and_part_names_that_leave_the_folder_are_refused(store):
    frame = results(("w", "t", "r", 1, "map", 1.0, 2.0, "done"))
    with pytest.raises(ContractError, match="null item"):
        write_table(store, "report.results", frame.with_columns(run_ids=pl.lit([None], pl.List(pl.String))))
    with pytest.raises(ContractError, match="NaN"):
        write_table(store, "report.results", frame.with_columns(ours_mean=float("nan")))
    with pytest.raises(ContractError, match="file name"):
        write_table(store, TABLE, FOLDS, part="../../x")


def test_a_table_never_written_is_empty_and_has_its_columns(store):
    assert read_table(store, "core.tracks").schema.equals(arrow_schema("core.tracks"))
    assert len(read_table(store, "core.tracks")) == 0
    assert check_table(store, "core.tracks") == []


def test_inputs_are_remembered_per_part_and_forgotten_with_the_contract_they_were_written_under(store):
    assert stored_inputs(store, TABLE, "m4a") is None
    path = write_table(store, TABLE, FOLDS, part="m4a", inputs="abc")
    assert stored_inputs(store, TABLE, "m4a") == "abc"
    assert stored_inputs(store, TABLE) is None
    pq.write_table(pq.read_table(path).drop_columns(["fold"]), path)
    assert stored_inputs(store, TABLE, "m4a") is None


def test_a_renamed_column_is_refused_by_name_with_the_mend(store):
    path = write_table(store, TABLE, FOLDS)
    pq.write_table(pq.read_table(path).rename_columns(["corpus", "scheme", "track_id", "part"]), path)
    with pytest.raises(ContractError, match=r"all\.parquet.*column part is not.*fold is missing.*Delete.*full_repro"):
        read_table(store, TABLE)
    assert any("fold is missing" in violation for violation in check_table(store, TABLE))


def test_a_key_repeated_across_parts_is_found(store):
    write_table(store, TABLE, FOLDS, part="one")
    write_table(store, TABLE, FOLDS[:1], part="two")
    (violation,) = check_table(store, TABLE)
    assert "1 rows repeat the key" in violation
    assert "track_id='b'" in violation


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_truncated_part_is_refused_by_name(store, share):
    path = write_table(store, "core.track_genres", GENRES, part="m", inputs="abc")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert stored_inputs(store, "core.track_genres", "m") is None
    assert "m.parquet" in check_table(store, "core.track_genres")[0]
    with pytest.raises(ContractError, match="cannot be read"):
        read_table(store, "core.track_genres")


def test_a_changed_byte_never_changes_a_value_unseen(store):
    path = write_table(store, TABLE, FOLDS)
    sound, content = read_table(store, TABLE), path.read_bytes()
    pages, footer = range(0, 240, 3), range(240, len(content), 61)
    refused = 0
    for position in (*pages, *footer):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x41]) + content[position + 1 :])
        try:
            assert read_table(store, TABLE).equals(sound)
        except ContractError as error:
            refused += 1
            assert str(path) in str(error)
            assert check_table(store, TABLE)
    assert refused > len(pages) / 2


WRITE_FOR_EVER = """
import sys
from pathlib import Path
import polars as pl
from warehouse.store import Store
from warehouse.tables import write_table
names = [str(i) for i in range(20000)]
frame = pl.DataFrame({"track_id": names}).with_columns(corpus=pl.lit("c"), scheme=pl.lit("s"), fold=0)
while True:
    write_table(Store(Path(sys.argv[1])), "corpus.folds", frame, inputs="x")
    print("written", flush=True)
"""


def test_killed_writers_leave_a_whole_table_and_two_at_once_do_not_disturb_each_other(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)]
    writers = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        writer.stdout.readline()
    time.sleep(0.3)
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    store = Store(tmp_path)
    assert check_table(store, "corpus.folds") == []
    assert len(read_table(store, "corpus.folds")) == 20000
    assert stored_inputs(store, "corpus.folds") == "x"


def test_what_a_killed_process_left_under_a_temporary_name_goes_after_a_day(store):
    with replacing(store.root / "mgc.duckdb") as left:
        left.touch()
    others = [store.root / ".tmp", store.root / "notes.tmp", store.root / ".notes.1.tmp"]
    for path in (left, left.with_name(f"{left.name}.wal"), *others):
        path.touch()
    assert remove_abandoned(store, time.time()) == []
    assert remove_abandoned(store, time.time() + ABANDONED_S + 60) == [left, left.with_name(f"{left.name}.wal")]
    assert not left.exists()
    assert all(path.exists() for path in others)
