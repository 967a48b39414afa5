"""Whole catalogues match as their pairs do; the gold pairs reach what is asked of each kind."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.matching import classify_pairs, match_tables, score_gold
from pipelines.matching.quality import build_match_quality
from pipelines.tables import read_frame
from warehouse.store import Store

GOLD = Path(__file__).parents[5] / "shared" / "real" / "matching" / "pairs.tsv"
LEFT = [
    ("a", "The Beatles", "Something"),
    ("b", "Nina Simone", "Sinnerman"),
    ("c", "Otis Redding", "Respect"),
    ("d", "Blur", "Tender (Live)"),
    ("e", "", ""),
    ("f", None, "Intro"),
    ("g", "Orla Castellan", "Winter Light"),
]
RIGHT = [
    ("1", "the beatles", "Something "),
    ("2", "The Beatles", "Something (Remastered)"),
    ("3", "Nina Simonne", "Sinner Man"),
    ("4", "Aretha Franklin", "Respect"),
    ("5", "Blur", "Tender"),
    ("6", "", ""),
    ("7", None, "Intro"),
    ("8", "The Beatles", "Somethings"),
    ("9", "Castellan, Orla", "Winter Light"),
]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for name, rows in (("msd", LEFT), ("genius", RIGHT)):
            connection.register("frame", pl.DataFrame(rows, schema=["track_id", "artist", "title"], orient="row"))
            connection.execute(f"CREATE TABLE {name} AS FROM frame").fetchall()
        yield connection


def test_every_pair_has_its_surest_kind(con: duckdb.DuckDBPyConnection) -> None:
    found = match_tables(con, "msd", "genius")
    assert [row[:3] for row in found.rows()] == [
        ("a", "1", "exact"),
        ("a", "2", "normalised"),
        ("b", "3", "fuzzy"),
        ("d", "5", "normalised"),
        ("g", "9", "fuzzy"),
    ]


def test_tables_and_pairs_agree(con: duckdb.DuckDBPyConnection) -> None:
    pairs = con.sql(
        "SELECT l.artist AS left_artist, l.title AS left_title, r.artist AS right_artist, r.title AS right_title, "
        "l.track_id AS l, r.track_id AS r FROM msd l CROSS JOIN genius r"
    ).pl()
    classified = classify_pairs(pairs).filter(pl.col("kind").is_not_null() & ~(pl.col("r") == "8")).sort("l", "r")
    assert classified.select("l", "r", "kind", "score").rows() == match_tables(con, "msd", "genius").rows()


def test_only_the_kinds_asked_for(con: duckdb.DuckDBPyConnection) -> None:
    assert match_tables(con, "msd", "genius", kinds=("exact",)).rows() == [("a", "1", "exact", 1.0)]
    assert match_tables(con, "msd", "genius", kinds=("exact",), exact="literal").is_empty()
    assert set(match_tables(con, "msd", "genius", kinds=("exact", "normalised"))["left_id"]) == {"a", "d"}
    with pytest.raises(ValueError, match="kinds"):
        match_tables(con, "msd", "genius", kinds=("fuzzy",))
    assert not con.sql("SELECT 1 FROM duckdb_tables() WHERE table_name LIKE 'matching_%'").fetchall()


@pytest.mark.skipif(not GOLD.is_file(), reason=f"the gold pairs are not here: {GOLD}")
def test_the_kinds_reach_what_is_asked_of_them() -> None:
    rows = {(row["source"], row["kind"]): row for row in score_gold(GOLD).iter_rows(named=True)}
    for source, kind, precision, recall in (
        ("msd_side", "exact", 1.0, 0.4),
        ("msd_side", "normalised", 0.995, 0.85),
        ("msd_side", "fuzzy", 0.98, 0.95),
        ("other_sides", "fuzzy", 0.98, 0.80),
    ):
        row = rows[source, kind]
        assert row["precision"] >= precision, row
        assert row["recall"] >= recall, row
    assert rows["secondhandsongs", "fuzzy"]["false_positives"] == 0


def test_gold_pairs_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    head = "msd_artist\tmsd_title\tother_artist\tother_title\tlabel\tsource\n"
    path.write_text(head + 'Moby\t"Go\tMoby\t"go\t1\tmine\n' + "Moby\tGo\tBlur\tGo\t0\tmine\n", encoding="utf-8")
    assert score_gold(path)["true_positives"].to_list() == [1, 1, 1]
    path.write_text(head + "Moby\tGo\tMoby\tgo\tyes\tmine\n", encoding="utf-8")
    with pytest.raises(ValueError, match="label: expected 0 or 1, found 'yes'"):
        score_gold(path)
    path.write_text(head.replace("label", "truth"), encoding="utf-8")
    with pytest.raises(ValueError, match="missing: label"):
        score_gold(path)


def test_the_shipped_pairs_score_the_matcher_without_any_dataset(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert build_match_quality(store)
    assert not build_match_quality(store)
    scored = read_frame(store, "report.match_quality")
    rows = {(row["source"], row["kind"]): row for row in scored.iter_rows(named=True)}
    assert {source for source, _ in rows} == {"musicbrainz20k", "sample_corpus"}
    assert rows["musicbrainz20k", "fuzzy"]["n"] == 1014
    assert rows["musicbrainz20k", "fuzzy"]["recall"] > 0.9
    planted = [rows["sample_corpus", kind] for kind in ("exact", "normalised", "fuzzy")]
    assert [row["precision"] for row in planted] == [1.0, 1.0, 1.0]
    assert planted[0]["recall"] < planted[1]["recall"] < planted[2]["recall"] == 1.0
    assert planted[0]["n"] > planted[2]["true_positives"]  # near-misses are among them
