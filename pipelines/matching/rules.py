"""The word lists and thresholds of the matcher, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from warehouse.parsing import read

RULES_FILE = Path(__file__).with_name("rules.toml")


@dataclass(frozen=True)
class Fuzzy:
    """Thresholds of the fuzzy kind, as shares of one; what each is for stands in rules.toml."""

    artist: float
    title: float
    short_title: float
    short_letters: int
    both: float
    tail: float
    version: float
    credit_title: float
    credit: float
    least_title_letters: int


@dataclass(frozen=True)
class Rules:
    """What the matcher knows of how catalogues write names."""

    letters: Mapping[str, str]
    featuring: str
    featuring_in_brackets: str
    connectives: str
    version_words: str
    version_needed: str
    version_beginnings: str
    version_beginnings_next: str
    before_version: str
    other_words: str
    parts: str
    other_artist: str
    fuzzy: Fuzzy
    pools: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class RulesFile:
    """rules.toml, with its lists of words."""

    letters: Mapping[str, str]
    credits: Mapping[str, tuple[str, ...]]
    same_words: Mapping[str, tuple[str, ...]]
    other_words: Mapping[str, tuple[str, ...]]
    other_artist: Mapping[str, tuple[str, ...]]
    fuzzy: Fuzzy
    pools: Mapping[str, tuple[str, ...]]


@cache
def load_rules() -> Rules:
    """Read rules.toml; every list of words becomes one regular expression of alternatives."""
    raw = read(RULES_FILE, RulesFile)
    credits_, same = raw.credits, raw.same_words
    return Rules(
        letters=raw.letters,
        featuring=_any_of(credits_["featuring"]),
        featuring_in_brackets=_any_of(credits_["featuring"] + credits_["featuring_in_brackets"]),
        connectives=_any_of(credits_["connectives"]),
        version_words=_any_of(same["words"]),
        version_needed=_any_of(same["needed"]),
        version_beginnings=_any_of(same["beginnings"]),
        version_beginnings_next=_any_of(same["beginnings_next"]),
        before_version=_any_of(same["before_version"]),
        other_words=_any_of(raw.other_words["markers"]),
        parts=_any_of(raw.other_words["parts"]),
        other_artist=_any_of(raw.other_artist["words"]),
        fuzzy=raw.fuzzy,
        pools=raw.pools,
    )


def _any_of(words: tuple[str, ...]) -> str:
    """Alternatives, the longest first, so that a word does not hide a longer one that it begins."""
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")"
