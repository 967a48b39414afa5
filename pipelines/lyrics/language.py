"""Language of the lyrics: what langdetect finds, and which of two opinions decides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from langdetect.detector import Detector

from pipelines.datasets import music4all
from pipelines.incremental import Step, is_current, part_hash
from pipelines.lyrics.langdetect_fast import language_probabilities, load_model
from pipelines.parallel import Log, map_tasks
from pipelines.tables import read_frame, write_parts
from warehouse.store import Store

SEED = 0
PROBABILITY_DIGITS = 6
DECIDES = ("dataset", "langdetect", "both")
# Codes of datasets that stand for "no vocals"; the misspelling is Music4All's.
INSTRUMENTAL_LABELS = ("INTRUMENTAL", "INSTRUMENTAL")


class Detected(NamedTuple):
    """What langdetect finds in one text; None where it finds no letters to go by."""

    track_id: str
    language_detected: str | None
    language_probability: float | None


def detect_languages(texts: Sequence[tuple[str, str]]) -> list[Detected]:
    """Detect the language of (track_id, text) pairs; equal texts give equal answers in every process and order."""
    found = language_probabilities([text for _, text in texts], SEED)
    return [_best(track_id, probabilities) for (track_id, _), probabilities in zip(texts, found, strict=True)]


def _best(track_id: str, probabilities: np.ndarray | None) -> Detected:
    """The likeliest language, unless langdetect would list none."""
    if probabilities is None or probabilities.max() <= Detector.PROB_THRESHOLD:
        return Detected(track_id, None, None)
    best = int(probabilities.argmax())
    return Detected(track_id, load_model().languages[best], round(float(probabilities[best]), PROBABILITY_DIGITS))


def deciding_language(decides: str, keep: str) -> pl.Expr:
    """Language that decides, of the columns language_label and language_detected; null where nothing is known.

    Args:
        decides: `dataset`: the label, and where there is none what was detected. `langdetect`: what was detected, and
            the label only where it says that there are no vocals. `both`: `keep` only where neither says otherwise.
        keep: Language the corpus keeps.
    """
    label, detected = pl.col("language_label"), pl.col("language_detected")
    if decides == "dataset":
        return pl.coalesce(label, detected)
    if decides == "langdetect":
        return pl.when(label.is_in(INSTRUMENTAL_LABELS)).then(label).otherwise(detected)
    return pl.when(label != keep).then(label).otherwise(pl.coalesce(detected, label))


def agreement(languages: pl.DataFrame) -> pl.DataFrame:
    """Count the pairs (language_label, language_detected): rows of corpus.language_agreement."""
    pair = ["dataset", "language_label", "language_detected"]
    return languages.group_by(pair).agg(pl.len().cast(pl.Int64).alias("tracks")).sort(pair, nulls_last=True)


VERSION = 1
STEP = Step("languages", VERSION, settings={"seed": SEED}, libraries=("langdetect",))
OUTPUTS = {"core.languages": music4all.DATASET, "corpus.language_agreement": music4all.DATASET}
TEXTS_PER_TASK = 250
SCHEMA = {"track_id": pl.String, "language_detected": pl.String, "language_probability": pl.Float64}


def build_languages(store: Store, log: Log) -> bool:
    """Detect the languages if tracks or lyrics changed; returns whether anything was done."""
    upstream = [part_hash(store, table, music4all.DATASET) for table in ("core.tracks", "core.lyrics")]
    inputs = STEP.inputs(upstream)
    if is_current(store, OUTPUTS, inputs):
        return False
    lyrics = read_frame(store, "core.lyrics", music4all.DATASET).filter(pl.col("lyrics_status") == "ok")
    found = pl.DataFrame(_detect(list(lyrics.select("track_id", "lyrics").iter_rows()), log), SCHEMA, orient="row")
    tracks = read_frame(store, "core.tracks", music4all.DATASET).select("dataset", "track_id", "language_label")
    languages = tracks.join(found, on="track_id", how="left")
    frames = {"core.languages": languages, "corpus.language_agreement": agreement(languages)}
    return write_parts(store, OUTPUTS, frames, inputs)


def _detect(texts: list[tuple[str, str]], log: Log) -> list[Detected]:
    tasks = [texts[start : start + TEXTS_PER_TASK] for start in range(0, len(texts), TEXTS_PER_TASK)]
    results = map_tasks(detect_languages, tasks, label="Detecting languages", size=len, log=log)
    return [row for _, rows in results for row in rows]
