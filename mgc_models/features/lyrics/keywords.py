"""Keywords of lyrics: content words that distinguish a song from others (Wong and Chemelli 2023, section 2)."""

import math
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mgc_models.features.lyrics.text import words

STOP_WORDS_FILE = Path(__file__).with_name("stop_words.txt")


@cache
def stop_words() -> frozenset[str]:
    """English words that say nothing of what a text is about."""
    return frozenset(STOP_WORDS_FILE.read_text(encoding="utf-8").split())


def keywords(lyrics: str, documents: Mapping[str, int], total: int, kept: int | None) -> list[str]:
    """Choose the words that stand for the lyrics, in the order in which they first occur.

    Stop words go, and words that `documents` does not know; of the others the `kept` of highest tf-idf stay, each once.
    Of equal ones the earlier stays.

    Args:
        lyrics: The text.
        documents: Lyrics that hold a word, per word of the vocabulary.
        total: Lyrics that were counted.
        kept: How many words stay; None: every word stays, stop words and repetitions too.
    """
    found = words(lyrics)
    if kept is None:
        return found
    counts = Counter(word for word in found if word in documents and word not in stop_words())
    weights = {word: count * math.log(total / documents[word]) for word, count in counts.items()}
    places = {word: place for place, word in enumerate(counts)}
    best = sorted(counts, key=lambda word: (-weights[word], places[word]))[:kept]
    return sorted(best, key=places.__getitem__)
