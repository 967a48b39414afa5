"""MSD matched with Genius at full size, by the steps that the pipeline takes, beside DuckDB's own scan of the CSV."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from pipelines.bench.catalogues import GENIUS_COLUMNS, Catalogues, generate
from pipelines.bench.cost import Cost, alone
from pipelines.corpora.matches import build_matched_lyrics, build_matches, match_catalogues
from pipelines.datasets import genius, msd
from pipelines.datasets.ingest import build_tracks
from pipelines.tables import read_frame
from warehouse.store import Store

log = logging.getLogger(__name__).info


@dataclass(frozen=True)
class MatchingBench:
    """Measurements of the steps, each in a process of its own.

    Attributes:
        csv_bytes: Size of the generated song_lyrics.csv.
        scan: DuckDB's own scan of it: count of rows and length of the lyrics.
        read_genius: The CSV hashed, checked and read into its tables.
        read_msd: unique_tracks.txt into its tables.
        match_exact: The exact pairs alone, which is all that msd_genius takes.
        match_all: corpus.matches: exact, normalised and fuzzy.
        lyrics: Lyrics of the matched songs read from the CSV, cleaned, and written.
        planted: Planted pairs by kind.
        found: Planted pairs that were found, with their kind; for `cover`, that were (wrongly) matched.
        cleaned: Songs whose lyrics were cleaned.
    """

    csv_bytes: int
    scan: Cost
    read_genius: Cost
    read_msd: Cost
    match_exact: Cost
    match_all: Cost
    lyrics: Cost
    planted: dict[str, int]
    found: dict[str, int]
    cleaned: int

    @property
    def exact(self) -> Cost:
        """Sum up the cost from the files to the exact pairs and their clean lyrics."""
        return self.read_genius + self.read_msd + self.match_exact + self.lyrics

    @property
    def all_kinds(self) -> Cost:
        """The same for all kinds."""
        return self.read_genius + self.read_msd + self.match_all + self.lyrics

    @property
    def ratios(self) -> dict[str, float]:
        """Give costs as multiples of the scan; core-seconds are disturbed less by others on the machine."""
        costs = {"exact": self.exact, "all_kinds": self.all_kinds}
        return {
            **{f"{name}_core": cost.core_s / self.scan.core_s for name, cost in costs.items()},
            **{f"{name}_duration": cost.duration_s / self.scan.duration_s for name, cost in costs.items()},
        }


def measure(folder: Path, *, scale: float = 1.0, seed: int = 0, threads: int = 2) -> MatchingBench:
    """Generate both catalogues in `folder` (9 GB at scale 1) and measure.

    The CSV is read once before the clock starts.
    """
    made = generate(folder, scale, seed)
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    for _ in range(2):
        _, scan = alone(_scan, made, threads)
    _, read_genius = alone(_read_genius, made, store)
    _, read_msd = alone(_read_msd, made, store)
    exact, match_exact = alone(_match_exact, store)
    pairs, match_all = alone(_match_all, store)
    cleaned, lyrics = alone(_lyrics, made, store)
    return MatchingBench(
        csv_bytes=made.genius.stat().st_size,
        scan=scan,
        read_genius=read_genius,
        read_msd=read_msd,
        match_exact=match_exact,
        match_all=match_all,
        lyrics=lyrics,
        planted=made.planted,
        found=found_as_planted(made.planted, pairs) | {"exact": found_as_planted(made.planted, exact)["exact"]},
        cleaned=cleaned,
    )


def csv_relation(path: Path) -> str:
    """SQL of the Genius CSV, with every column named so that nothing is guessed from the first rows."""
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in GENIUS_COLUMNS)
    return (
        f"read_csv('{path}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        f"columns = {{{columns}}})"
    )


def _scan(made: Catalogues, threads: int) -> tuple[int, int]:
    with duckdb.connect(config={"threads": threads}) as con:
        con.execute("SET enable_progress_bar = false").fetchall()
        ((rows, characters),) = con.execute(
            f"SELECT count(*), sum(length(lyrics)) FROM {csv_relation(made.genius)}"
        ).fetchall()
    return rows, characters


def _genius(made: Catalogues, store: Path) -> genius.Layout:
    return genius.locate(made.genius, store / "state")


def _read_genius(made: Catalogues, store: Path) -> bool:
    return build_tracks(Store(store), _genius(made, store), genius.DATASET)


def _read_msd(made: Catalogues, store: Path) -> bool:
    return build_tracks(Store(store), msd.locate(made.msd.parent), msd.DATASET)


def _match_exact(store: Path) -> pl.DataFrame:
    return match_catalogues(Store(store), ("exact",))


def _match_all(store: Path) -> pl.DataFrame:
    build_matches(Store(store), log)
    matches = read_frame(Store(store), "corpus.matches")
    return matches.select(pl.col("track_id").alias("left_id"), pl.col("matched_track_id").alias("right_id"), "kind")


def _lyrics(made: Catalogues, store: Path) -> int:
    build_matched_lyrics(Store(store), _genius(made, store), log)
    return int((read_frame(Store(store), "core.lyrics")["lyrics_status"] == "ok").sum())


def found_as_planted(planted: dict[str, int], pairs: pl.DataFrame) -> dict[str, int]:
    """Count the pairs (TRk, k) by the kind they were planted as, where the kind found is the same; covers always."""
    own = pairs.filter(pl.col("left_id") == "TR" + pl.col("right_id")).with_columns(k=pl.col("right_id").cast(pl.Int64))
    counts, start = {}, 0
    for kind, count in planted.items():
        there = own.filter(pl.col("k").is_between(start, start + count, closed="left"))
        counts[kind] = there.height if kind == "cover" else there.filter(pl.col("kind") == kind).height
        start += count
    return counts
