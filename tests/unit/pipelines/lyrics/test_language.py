"""Language: seeded, the same in every process, and decided by the rule that the corpus names."""

import polars as pl
import pytest

from pipelines.lyrics.language import agreement, deciding_language, detect_languages
from pipelines.parallel import map_tasks
from tests.unit.pipelines.tiny_music4all import ENGLISH, SPANISH

TEXTS = [("en", ENGLISH), ("es", SPANISH), ("none", "12 34 !!"), ("short", "la la la la"), ("mixed", ENGLISH + SPANISH)]


def test_detection_finds_languages_and_admits_that_there_is_none() -> None:
    found = {row.track_id: row for row in detect_languages(TEXTS)}
    assert (found["en"].language_detected, found["es"].language_detected) == ("en", "es")
    assert found["en"].language_probability > 0.99
    assert found["none"][1:] == (None, None)


def test_detection_is_the_same_in_every_process_and_order() -> None:
    here = detect_languages(TEXTS)
    assert detect_languages(TEXTS[::-1])[::-1] == here
    there = [row for _, rows in map_tasks(detect_languages, [[text] for text in TEXTS], label="test") for row in rows]
    assert sorted(there, key=lambda row: row[0]) == sorted(here, key=lambda row: row[0])


@pytest.mark.parametrize(
    ("label", "detected", "dataset", "langdetect", "both"),
    [
        ("en", "en", "en", "en", "en"),
        ("en", "es", "en", "es", "es"),
        ("es", "en", "es", "en", "es"),
        ("INTRUMENTAL", "en", "INTRUMENTAL", "INTRUMENTAL", "INTRUMENTAL"),
        (None, "en", "en", "en", "en"),
        ("en", None, "en", None, "en"),
        (None, None, None, None, None),
    ],
)
def test_the_rule_decides(label: str | None, detected: str | None, dataset: str, langdetect: str, both: str) -> None:
    row = pl.DataFrame(
        {"language_label": [label], "language_detected": [detected]},
        schema={"language_label": pl.String, "language_detected": pl.String},
    )
    found = [row.select(deciding_language(rule, "en")).item() for rule in ("dataset", "langdetect", "both")]
    assert found == [dataset, langdetect, both]


def test_agreement_counts_every_pair_once() -> None:
    frame = pl.DataFrame(
        {
            "dataset": ["d"] * 4,
            "language_label": ["en", "en", "es", None],
            "language_detected": ["en", "en", None, "en"],
        }
    )
    assert agreement(frame).rows() == [("d", "en", "en", 2), ("d", "es", None, 1), ("d", None, "en", 1)]
