"""Language of the lyrics: what langdetect finds, and which of two opinions decides."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from langdetect.detector import Detector

from pipelines.transforms.langdetect_fast import language_probabilities, load_model

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
