"""How well the kinds of match do on the pairs that are shipped, into report.match_quality."""

import polars as pl

from pipelines.currency import Step, is_current
from pipelines.datasets.sample.planting import planted
from pipelines.stages.common import write_parts
from pipelines.transforms.matching.quality import GOLD_FOLDER, read_gold, score_pairs
from pipelines.transforms.matching.rules import RULES_FILE
from warehouse.store import Store

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
