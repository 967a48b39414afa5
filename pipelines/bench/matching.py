"""MSD matched with Genius at full size: seconds, peak memory, and the ratio to DuckDB's own scan of the same CSV."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from pipelines.bench.catalogues import GENIUS_COLUMNS, Catalogues, generate
from pipelines.bench.cost import Cost, alone
from pipelines.transforms.matching import KINDS, match_tables

MEMORY_LIMIT = "2500MB"  # of DuckDB alone; what Python holds comes on top


@dataclass(frozen=True)
class MatchingBench:
    """What was measured.

    Attributes:
        csv_bytes: Size of the generated song_lyrics.csv.
        scan: DuckDB's own scan of it: count of rows and length of the lyrics.
        exact: Reading the names of both and finding the exact pairs.
        all_kinds: The same for all kinds.
        planted: Planted pairs by kind.
        found: Planted pairs that were found, with their kind; for `cover`, that were (wrongly) matched.
    """

    csv_bytes: int
    scan: Cost
    exact: Cost
    all_kinds: Cost
    planted: dict[str, int]
    found: dict[str, int]

    @property
    def exact_ratio(self) -> float:
        """Time of the exact match as a multiple of the scan's."""
        return self.exact.duration_s / self.scan.duration_s

    @property
    def exact_core_ratio(self) -> float:
        """The same in core-seconds, which others on the machine disturb less."""
        return self.exact.core_s / self.scan.core_s

    @property
    def all_kinds_ratio(self) -> float:
        """Time of the match of all kinds as a multiple of the scan's."""
        return self.all_kinds.duration_s / self.scan.duration_s

    @property
    def all_kinds_core_ratio(self) -> float:
        """The same in core-seconds."""
        return self.all_kinds.core_s / self.scan.core_s


def measure(folder: Path, *, scale: float = 1.0, seed: int = 0, threads: int = 2) -> MatchingBench:
    """Generate both catalogues in `folder` (9 GB at scale 1) and measure.

    Each step runs in a fresh process, so that its peak memory is its own; the CSV is read once before the clock starts.
    """
    made = generate(folder, scale, seed)
    for _ in range(2):
        _, scan = alone(_scan, made, threads)
    exact, exact_cost = alone(_match_exact, made, threads)
    pairs, cost = alone(_match_all, made, threads)
    return MatchingBench(
        csv_bytes=made.genius.stat().st_size,
        scan=scan,
        exact=exact_cost,
        all_kinds=cost,
        planted=made.planted,
        found=found_as_planted(made.planted, pairs) | {"exact": found_as_planted(made.planted, exact)["exact"]},
    )


def csv_relation(path: Path) -> str:
    """SQL of the Genius CSV, with every column named so that nothing is guessed from the first rows."""
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in GENIUS_COLUMNS)
    return (
        f"read_csv('{path}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        f"columns = {{{columns}}})"
    )


def _scan(made: Catalogues, threads: int) -> tuple[int, int]:
    with _connect(made, threads) as con:
        ((rows, characters),) = con.execute(
            f"SELECT count(*), sum(length(lyrics)) FROM {csv_relation(made.genius)}"
        ).fetchall()
    return rows, characters


def _match_exact(made: Catalogues, threads: int) -> pl.DataFrame:
    return _match(made, threads, ("exact",))


def _match_all(made: Catalogues, threads: int) -> pl.DataFrame:
    return _match(made, threads, KINDS)


def _match(made: Catalogues, threads: int, kinds: tuple[str, ...]) -> pl.DataFrame:
    genius = f"(SELECT id AS track_id, artist, title FROM {csv_relation(made.genius)})"
    with _connect(made, threads) as con:
        return match_tables(con, f"read_parquet('{made.msd}')", genius, kinds=kinds)


def _connect(made: Catalogues, threads: int) -> duckdb.DuckDBPyConnection:
    spill = str(made.msd.with_name("spill"))
    con = duckdb.connect(config={"threads": threads, "memory_limit": MEMORY_LIMIT, "temp_directory": spill})
    con.execute("SET enable_progress_bar = false").fetchall()
    return con


def found_as_planted(planted: dict[str, int], pairs: pl.DataFrame) -> dict[str, int]:
    """Count the pairs (TRk, k) by the kind they were planted as, where the kind found is the same; covers always."""
    own = pairs.filter(pl.col("left_id") == "TR" + pl.col("right_id")).with_columns(k=pl.col("right_id").cast(pl.Int64))
    counts, start = {}, 0
    for kind, count in planted.items():
        there = own.filter(pl.col("k").is_between(start, start + count, closed="left"))
        counts[kind] = there.height if kind == "cover" else there.filter(pl.col("kind") == kind).height
        start += count
    return counts
