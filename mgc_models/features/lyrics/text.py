"""Removes annotations and repeated lines from lyrics; every feature of lyrics starts from this text."""

import re
import unicodedata
from typing import NamedTuple

from mgc_models.features.lyrics.annotations import without_annotations

MOST_BYTES = 1 << 20  # of the lyrics of a song; what is longer is no song


class Deduplicated(NamedTuple):
    """Lyrics without repeated lines, and sizes before and after.

    Attributes:
        text: Paragraphs parted by one empty line.
        words_before: White-space separated words of the input.
        words_after: Words of `text`.
        lines_before: Non-empty lines of the input.
        lines_after: Non-empty lines of `text`.
    """

    text: str
    words_before: int
    words_after: int
    lines_before: int
    lines_after: int


def clean_lyrics(text: str) -> Deduplicated:
    """Clean lyrics as they come: annotations go first, then repetitions.

    The one way from the lyrics of a dataset or user to the text that is stored, tokenised, counted and shown. Sizes
    before are those without annotations.
    """
    return deduplicate(without_annotations(text))


def deduplicate(text: str) -> Deduplicated:
    """Remove duplicate paragraphs and lines, keeping the first of each and the order (Jiang 2024, section 5.1).

    Two lines are the same if they are equal without case and outer white space. A repeated paragraph goes with its
    lines, every one of which is a repetition.
    """
    seen: set[str] = set()
    paragraphs: list[list[str]] = [[]]
    lines_before = 0
    for raw_line in _lines(text):
        line = raw_line.strip()
        if not line:
            paragraphs.append([])
            continue
        lines_before += 1
        if line.lower() not in seen:
            seen.add(line.lower())
            paragraphs[-1].append(line)
    kept = "\n\n".join("\n".join(paragraph) for paragraph in paragraphs if paragraph)
    return Deduplicated(kept, len(text.split()), len(kept.split()), lines_before, len(seen))


def _lines(text: str) -> list[str]:
    """Split at line ends of any system; `str.splitlines` would also split at characters that are no line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """Words of a line or text, in lower case, letters and digits with apostrophes inside (`don't`)."""
    return _WORD.findall(unicodedata.normalize("NFC", text).replace("’", "'").lower())
