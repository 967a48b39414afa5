"""Language of the lyrics: what langdetect finds, and which of two opinions decides."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import polars as pl
from langdetect import DetectorFactory, detect_langs
from langdetect.lang_detect_exception import LangDetectException

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
    _seed()
    return [_detect(track_id, text) for track_id, text in texts]


@cache
def _seed() -> None:
    """Seed the detector of this process: without it answers differ from run to run."""
    DetectorFactory.seed = SEED


def _detect(track_id: str, text: str) -> Detected:
    try:
        best = detect_langs(text)[0]
    except LangDetectException:
        return Detected(track_id, None, None)
    return Detected(track_id, best.lang, round(best.prob, PROBABILITY_DIGITS))


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
