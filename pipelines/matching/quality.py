"""How well each kind of match does on pairs whose truth is known."""

from pathlib import Path

import polars as pl

from pipelines.incremental import Step, is_current
from pipelines.matching.pairs import KINDS, classify_pairs
from pipelines.matching.rules import RULES_FILE, load_rules
from pipelines.sample.planting import planted
from pipelines.tables import typed_frame, write_parts
from warehouse.store import Store

GOLD_FOLDER = Path(__file__).with_name("gold")
GOLD_COLUMNS = {
    "msd_artist": "left_artist",
    "msd_title": "left_title",
    "other_artist": "right_artist",
    "other_title": "right_title",
    "label": "label",
    "source": "source",
}


def score_gold(path: Path) -> pl.DataFrame:
    """Score every kind on a file of gold pairs; see `read_gold` and `score_pairs`."""
    return score_pairs(read_gold(path))


def score_pairs(gold: pl.DataFrame) -> pl.DataFrame:
    """Score every kind on gold pairs: rows of report.match_quality.

    A kind counts with the surer ones before it, as a corpus that admits `fuzzy` admits `exact` too. Every source has
    its rows, and so has every pool of rules.toml that several of them belong to.

    Args:
        gold: Text columns left_artist, left_title, right_artist, right_title, label (1: one song, 0: two), source.
    """
    pairs = classify_pairs(gold)
    sources = {source: [source] for source in pairs["source"].unique().sort()}
    pools = {pool: names for pool, names in load_rules().pools.items() if len(sources.keys() & set(names)) > 1}
    groups = sources | pools
    rows = [
        _row(pairs.filter(pl.col("source").is_in(names)), group, kind)
        for group, names in groups.items()
        for kind in KINDS
    ]
    return typed_frame("report.match_quality", rows)


def read_gold(path: Path) -> pl.DataFrame:
    """Read a file of gold pairs.

    Args:
        path: Tab-separated, no quoting, a header, the columns of `GOLD_COLUMNS`; label 1 is the same song, 0 is not.

    Raises:
        ValueError: A column is missing or a label is neither 0 nor 1.
    """
    frame = pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False)
    missing = [name for name in GOLD_COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(f"{path}: expected the columns {', '.join(GOLD_COLUMNS)}; missing: {', '.join(missing)}")
    labels = frame["label"].fill_null("").unique().to_list()
    if not set(labels) <= {"0", "1"}:
        raise ValueError(
            f"{path}: label: expected 0 or 1, found {', '.join(sorted(map(repr, set(labels) - {'0', '1'})))}"
        )
    return frame.select(pl.col(name).fill_null("").alias(new) for name, new in GOLD_COLUMNS.items())


def _row(pairs: pl.DataFrame, source: str, kind: str) -> dict[str, str | int | float | None]:
    admitted = KINDS[: KINDS.index(kind) + 1]
    found = pairs["kind"].is_in(admitted).fill_null(value=False)
    true = pairs["label"] == "1"
    right, wrong, missed = (int(found_as.sum()) for found_as in (found & true, found & ~true, ~found & true))
    return {
        "kind": kind,
        "source": source,
        "precision": right / (right + wrong) if right + wrong else None,
        "recall": right / (right + missed) if right + missed else None,
        "n": pairs.height,
        "true_positives": right,
        "false_positives": wrong,
        "false_negatives": missed,
    }


VERSION = 1
TABLE = "report.match_quality"
OUTPUTS = {TABLE: "all"}
PLANTED_SOURCE = "sample_corpus"
GOLD_FILES = tuple(sorted(GOLD_FOLDER.glob("*.tsv")))
STEP = Step("match quality", VERSION, files=(RULES_FILE, *GOLD_FILES))


def build_match_quality(store: Store) -> bool:
    """Score the matcher, if it or the pairs changed; returns whether anything was done."""
    pairs = planted_pairs()
    inputs = STEP.inputs(pairs.rows())
    if is_current(store, OUTPUTS, inputs):
        return False
    scored = score_pairs(pl.concat([*map(read_gold, GOLD_FILES), pairs]))
    return write_parts(store, OUTPUTS, {TABLE: scored}, inputs)


def planted_pairs() -> pl.DataFrame:
    """The sample corpus' pairs written by hand, covers and other near-misses among them, as gold pairs."""
    rows = [
        {
            "left_artist": pair["msd"][0],
            "left_title": pair["msd"][1],
            "right_artist": pair["genius"][0],
            "right_title": pair["genius"][1],
            "label": "1" if pair["kind"] else "0",
            "source": PLANTED_SOURCE,
        }
        for pair in planted("catalogues")["pairs"]
    ]
    return pl.DataFrame(rows)
