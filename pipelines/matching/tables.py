"""Matches between two whole catalogues: joined in DuckDB, so that memory stays bounded at full size."""

import duckdb
import polars as pl

from pipelines.matching.fuzzy import fuzzy_scores
from pipelines.matching.keys import artist_keyed, exact_key, title_keyed
from pipelines.matching.pairs import KINDS, check_exactness

BATCH_PAIRS = 250_000  # candidate pairs scored at a time
# A likeness of 0.8 (rules.toml, fuzzy.artist) is out of reach where the shorter has less than two thirds of the longer.
LEAST_LENGTHS = 0.66
_TEMPORARY = (
    "matching_names",
    "matching_left",
    "matching_right",
    "matching_sure",
    "matching_rest",
    "matching_candidates",
)


def _similar(column: str, least: float) -> str:
    """SQL of a cheap look at likeness; the lengths alone rule out most pairs that rapidfuzz would."""
    left, right = f"l.{column}", f"r.{column}"
    lengths = f"least(length({left}), length({right})) >= {LEAST_LENGTHS} * greatest(length({left}), length({right}))"
    return f"({lengths} AND jaro_winkler_similarity({left}, {right}) >= {least})"


_SAME_ARTIST = (
    f"l.artist_key = r.artist_key AND ({_similar('title_head', 0.85)} OR "
    f"((l.title_head <> l.title_key OR r.title_head <> r.title_key) AND {_similar('title_key', 0.85)}))"
)
_SAME_TITLE = (  # and artists alike, or one a part of the other
    f"l.title_head = r.title_head AND ({_similar('artist_key', 0.80)} "
    "OR contains(l.artist_words, r.artist_words) OR contains(r.artist_words, l.artist_words))"
)
_ARTIST_TURNED = (  # "Castellan Orla"
    f"l.artist_sorted = r.artist_sorted AND l.artist_key <> r.artist_key AND {_similar('title_head', 0.85)}"
)
_BOTH_BEGIN_ALIKE = (
    "left(l.artist_key, 4) = left(r.artist_key, 4) AND left(l.title_head, 5) = left(r.title_head, 5) "
    f"AND {_similar('artist_key', 0.85)} AND {_similar('title_head', 0.85)}"
)
_BLOCKS = (_SAME_ARTIST, _SAME_TITLE, _ARTIST_TURNED, _BOTH_BEGIN_ALIKE)  # pairs worth scoring are in one of these


def match_tables(
    con: duckdb.DuckDBPyConnection, left: str, right: str, *, kinds: tuple[str, ...] = KINDS, exact: str = "folded"
) -> pl.DataFrame:
    """Match every name of one catalogue with every name of another.

    Each side is read once, so either may be a `read_csv` over a file larger than memory.

    Args:
        con: DuckDB connection; its memory_limit and temp_directory bound what is used.
        left: Relation (table, view, table function or query in parentheses) with track_id, artist, title.
        right: The other one, likewise; the larger of the two.
        kinds: Kinds to look for, a beginning of `KINDS`. Fuzzy matches are sought only for names on the left that
            have no surer one.
        exact: As in `classify_pairs`.

    Returns:
        left_id, right_id, kind, score of every pair, ordered by the ids; a pair has its surest kind alone.

    Raises:
        ValueError: `kinds` or `exact` is not as said.
    """
    check_exactness(exact)
    if not kinds or kinds != KINDS[: len(kinds)]:
        raise ValueError(f"kinds: expected a beginning of {KINDS}, found {kinds!r}")
    try:
        _load(con, left, right, only_exact=kinds == ("exact",))
        found = [_sure(con, kinds, exact)]
        if "fuzzy" in kinds:
            found += _fuzzy(con)
    finally:
        for name in _TEMPORARY:
            con.execute(f"DROP TABLE IF EXISTS {name}").fetchall()
    return pl.concat(found).sort("left_id", "right_id")


def _load(con: duckdb.DuckDBPyConnection, left: str, right: str, *, only_exact: bool) -> None:
    """Keep the names of both sides, with their keys; rows without a name match nothing and are left out.

    An artist has many songs, so the keys of artists are made once for each.
    """
    folded = f"{exact_key('artist')} AS exact_artist, {exact_key('title')} AS exact_title"
    for side, relation in (("left", left), ("right", right)):
        columns = f"CAST(track_id AS VARCHAR) AS track_id, artist, title, {folded}"
        names = f"FROM (SELECT {columns} FROM {relation}) WHERE exact_artist <> '' AND exact_title <> ''"
        if only_exact:
            con.execute(f"CREATE OR REPLACE TEMP TABLE matching_{side} AS {names}").fetchall()
            continue
        con.execute(f"CREATE OR REPLACE TEMP TABLE matching_names AS {names}").fetchall()
        artists = artist_keyed("(SELECT DISTINCT exact_artist FROM matching_names)")
        keys = title_keyed(f"matching_names JOIN ({artists}) USING (exact_artist)")
        con.execute(f"CREATE OR REPLACE TEMP TABLE matching_{side} AS {keys}").fetchall()
    con.execute("DROP TABLE IF EXISTS matching_names").fetchall()


def _sure(con: duckdb.DuckDBPyConnection, kinds: tuple[str, ...], exact: str) -> pl.DataFrame:
    """Exact and normalised pairs. Names equal in the exact sense have equal keys, so one join finds both."""
    equal = (
        "artist = r.artist AND l.title = r.title"
        if exact == "literal"
        else ("exact_artist = r.exact_artist AND l.exact_title = r.exact_title")
    )
    keys = "l.artist_key = r.artist_key AND l.title_key = r.title_key" if "normalised" in kinds else f"l.{equal}"
    query = (
        f"SELECT l.track_id AS left_id, r.track_id AS right_id, "
        f"CASE WHEN l.{equal} THEN 'exact' ELSE 'normalised' END AS kind, 1.0::DOUBLE AS score "
        f"FROM matching_left l JOIN matching_right r ON {keys}"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE matching_sure AS {query}").fetchall()
    return con.sql("FROM matching_sure").pl()


def _fuzzy(con: duckdb.DuckDBPyConnection) -> list[pl.DataFrame]:
    rest = "FROM matching_left ANTI JOIN matching_sure ON track_id = left_id"
    con.execute(f"CREATE OR REPLACE TEMP TABLE matching_rest AS {rest}").fetchall()
    blocks = " UNION ".join(
        f"SELECT l.rowid AS l, r.rowid AS r FROM matching_rest l JOIN matching_right r ON {block}" for block in _BLOCKS
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE matching_candidates AS {blocks}").fetchall()
    ((rows,),) = con.execute("SELECT count(*) FROM matching_candidates").fetchall()
    return [_scored(con, start) for start in range(0, rows, BATCH_PAIRS)]


def _scored(con: duckdb.DuckDBPyConnection, start: int) -> pl.DataFrame:
    """Fuzzy matches among the candidates from `start` on."""
    query = (
        "SELECT COLUMNS(l.*) AS 'left_\\0', COLUMNS(r.*) AS 'right_\\0' FROM matching_candidates c "
        "JOIN matching_rest l ON l.rowid = c.l JOIN matching_right r ON r.rowid = c.r "
        f"WHERE c.rowid >= {start} AND c.rowid < {start + BATCH_PAIRS}"
    )
    pairs = con.sql(query).pl()
    scored = pairs.select(
        left_id="left_track_id", right_id="right_track_id", kind=pl.lit("fuzzy"), score=fuzzy_scores(pairs)
    )
    return scored.filter(pl.col("score") > 0)
