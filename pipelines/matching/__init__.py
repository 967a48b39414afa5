"""Matching songs of two catalogues by artist and title, as exact, normalised or fuzzy."""

from pipelines.matching.pairs import KINDS, classify_pairs
from pipelines.matching.quality import score_gold
from pipelines.matching.tables import match_tables

__all__ = ["KINDS", "classify_pairs", "match_tables", "score_gold"]
