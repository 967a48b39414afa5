"""Songs of the Million Song Dataset and of Genius that are the same by their names, and the lyrics of those."""

import duckdb
import polars as pl

from pipelines.corpora.config import Corpus, load_corpora
from pipelines.corpora.sources import best_matches
from pipelines.datasets import genius, msd
from pipelines.incremental import Step, is_current, part_hash
from pipelines.lyrics.genius import build_genius_lyrics
from pipelines.matching.pairs import KINDS
from pipelines.matching.rules import RULES_FILE
from pipelines.matching.tables import match_tables
from pipelines.parallel import Log, available_cores
from pipelines.tables import write_parts
from warehouse.sql_text import literal
from warehouse.store import Store
from warehouse.tables import whole_part

VERSION = 2
DATASETS = (msd.DATASET, genius.DATASET)
OUTPUTS = {"corpus.matches": msd.DATASET}
STEP = Step("matches", VERSION, files=(RULES_FILE,), settings={"kinds": KINDS})
MEMORY_LIMIT = "3GB"


def build_matches(store: Store, log: Log) -> bool:
    """Match the two catalogues if one of them changed; returns whether anything was done."""
    parts = [part_hash(store, "core.tracks", dataset) for dataset in DATASETS]
    inputs = STEP.inputs(parts)
    if is_current(store, OUTPUTS, inputs):
        return False
    log("Matching the Million Song Dataset with Genius by artist and title.")
    pairs = match_catalogues(store, KINDS).rename({"left_id": "track_id", "right_id": "matched_track_id"})
    sides = {"dataset": pl.lit(msd.DATASET), "matched_dataset": pl.lit(genius.DATASET)}
    return write_parts(store, OUTPUTS, {"corpus.matches": pairs.with_columns(**sides)}, inputs)


def build_matched_lyrics(store: Store, layout: genius.Layout, log: Log) -> bool:
    """Write the lyrics that corpora take through matches, if they changed; returns whether anything was done."""
    wanted: set[str] = set()
    for corpus in matching_corpora():
        wanted |= set(best_matches(store, corpus)["matched_track_id"])
    return build_genius_lyrics(store, layout, wanted, log)


def matching_corpora() -> list[Corpus]:
    """Corpora that take the lyrics of Genius."""
    return [corpus for corpus in load_corpora() if corpus.match.dataset == genius.DATASET]


def match_catalogues(store: Store, kinds: tuple[str, ...]) -> pl.DataFrame:
    """Pairs of the two catalogues as `match_tables` gives them, in bounded memory."""
    spill = store.root / "state" / "matching"
    with duckdb.connect(
        config={"threads": available_cores(), "memory_limit": MEMORY_LIMIT, "temp_directory": str(spill)}
    ) as con:
        con.execute("SET enable_progress_bar = false").fetchall()
        return match_tables(con, *(_relation(store, dataset) for dataset in DATASETS), kinds=kinds)


def _relation(store: Store, dataset: str) -> str:
    path = literal(str(whole_part(store, "core.tracks", dataset)))
    return f"(SELECT track_id, artist, title FROM read_parquet({path}))"
