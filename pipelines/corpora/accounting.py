"""Holding the steps of a corpus against its exclusions, its tracks and the rejects: nothing is lost uncounted."""

import polars as pl

from pipelines.corpora.config import Corpus
from pipelines.corpora.select import Sources
from pipelines.datasets.common import NOT_A_TRACK


def accounting(
    corpus: Corpus, sources: Sources, members: pl.DataFrame, steps: pl.DataFrame, exclusions: pl.DataFrame
) -> list[str]:
    """Compare every step with the tracks that it excluded.

    Args:
        corpus: The rules.
        sources: The tables it was selected from.
        members: The corpus table.
        steps: corpus.steps.
        exclusions: corpus.exclusions.

    Returns:
        The differences in words; none when nothing is lost uncounted.
    """
    violations: list[str] = []
    for rule in corpus.scope.rules:
        name = corpus.variant(rule)
        own_steps = steps.filter(pl.col("corpus") == name).sort("step_order")
        excluded = exclusions.filter(pl.col("corpus") == name)
        if own_steps["step"].to_list() != [step.step for step in corpus.steps]:
            violations.append(f"{name}: corpus.steps has {own_steps['step'].to_list()}, not the steps of its TOML file")
            continue
        found = _step_violations(corpus, sources, own_steps, excluded)
        found += _track_violations(
            sources, own_steps, excluded, _members_under(corpus, rule, sources, members, excluded)
        )
        violations += [f"{name}: {words}" for words in found]
    return violations


def _members_under(
    corpus: Corpus, scope_rule: str, sources: Sources, members: pl.DataFrame, excluded: pl.DataFrame
) -> pl.DataFrame:
    """Tracks of the corpus, or of its variant; where no table says which, the tracks not excluded."""
    if scope_rule == corpus.scope.rule:
        return members
    if (corpus.scope.rule, scope_rule) == ("drop_labels", "drop_samples"):  # of the same genres
        return members.filter("kept_by_drop_samples")
    return sources.tracks.join(excluded, on="track_id", how="anti")


def _step_violations(corpus: Corpus, sources: Sources, steps: pl.DataFrame, excluded: pl.DataFrame) -> list[str]:
    rejected = sources.rejects.filter(
        pl.col("stage") == "read", pl.col("source_file") == sources.raw_file, pl.col("reason").is_in(NOT_A_TRACK)
    ).height
    found, rows = [], sources.raw_rows
    for step, row in zip(corpus.steps, steps.iter_rows(named=True), strict=True):
        if row["rows_in"] != rows:
            found.append(f"step {row['step']} takes {row['rows_in']:,} rows, and {rows:,} were there")
        counted = excluded.filter(pl.col("step") == row["step"]).height
        counted += rejected if step.filter == "readable" else 0
        if row["rows_in"] - row["rows_out"] != counted:
            lost = row["rows_in"] - row["rows_out"]
            found.append(f"step {row['step']} loses {lost:,} rows, and {counted:,} are on record")
        rows = row["rows_out"]
    return found


def _track_violations(
    sources: Sources, steps: pl.DataFrame, excluded: pl.DataFrame, members: pl.DataFrame
) -> list[str]:
    found = []
    if steps["rows_out"][-1] != members.height:
        found.append(f"the last step leaves {steps['rows_out'][-1]:,} tracks, and the corpus holds {members.height:,}")
    counted = pl.concat([excluded.select("track_id"), members.select("track_id")])
    if sorted(counted["track_id"]) != sorted(sources.tracks["track_id"]):
        found.append(
            f"{counted.height:,} tracks are kept or excluded, and core.tracks has {sources.tracks.height:,} "
            f"({counted['track_id'].n_unique():,} different ones counted)"
        )
    return found
