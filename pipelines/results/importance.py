"""`report.modality_importance`: what each genre loses without audio or without lyrics (jiang2024, Eq. 5.8 and 5.9)."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pipelines.experiments.plan import Plan
from pipelines.experiments.schema import PrintedTable
from pipelines.genres.coarse import UNMAPPED
from pipelines.results.finished import FinishedRuns
from pipelines.tables import typed_frame

NAME = "report.modality_importance"
SIDES = ("multimodal", "audio", "lyrics")
NO_COARSE, NO_IMPORTANCE = "without a coarse genre", "on no test track, or never told by the model with both"


def modality_importance(
    plan: Plan, found: Mapping[str, FinishedRuns], genre_ap: pl.DataFrame, coarse: pl.DataFrame
) -> pl.DataFrame:
    """One row per genre, and per coarse genre, of every table that names its multimodal, audio and lyrics rows.

    The average precision of a genre is the mean over the folds in which it occurs; importances are made of these means,
    and those of a coarse genre are the mean over its genres. A genre that the multimodal model never gets right
    (average precision 0) has none.

    Args:
        plan: The plan.
        found: The finished runs of each setting.
        genre_ap: `run.genre_ap`.
        coarse: `genre.coarse`.
    """
    rows: list[dict[str, Any]] = []
    for table in plan.tables:
        if table.importance and (runs := side_runs(plan, table, found)):
            corpus = plan.settings[plan.setting_of[table.work, table.table_id, table.importance.multimodal] or ""]
            genres = by_genre(runs, genre_ap)
            names = coarse.filter(corpus=corpus.data.corpus).select("genre", "coarse_genre")
            rows += [{"work": table.work, "level": "genre", **row} for row in genres.iter_rows(named=True)]
            rows += [{"work": table.work, "level": "coarse", **row} for row in by_coarse(genres, names)]
    return typed_frame(NAME, rows)


def side_runs(plan: Plan, table: PrintedTable, found: Mapping[str, FinishedRuns]) -> dict[str, tuple[str, ...]] | None:
    """The runs of the three models; None unless all of them are finished."""
    runs = {}
    for side in SIDES:
        setting_id = plan.setting_of[table.work, table.table_id, getattr(table.importance, side)] or ""
        group = found.get(setting_id)
        if group is None or len(group.run_ids) < len(plan.settings[setting_id].repetitions):
            return None
        runs[side] = group.run_ids
    return runs


def by_genre(runs: Mapping[str, tuple[str, ...]], genre_ap: pl.DataFrame) -> pl.DataFrame:
    """Average precisions and importances of every genre, in the order of the names."""
    means = [
        genre_ap.filter(pl.col("run_id").is_in(ids))
        .group_by("genre")
        .agg(pl.col("average_precision").mean().alias(f"ap_{side}"))
        for side, ids in runs.items()
    ]
    frame = means[0].join(means[1], on="genre", how="left").join(means[2], on="genre", how="left").sort("genre")
    whole = pl.when(pl.col("ap_multimodal") > 0).then(pl.col("ap_multimodal"))
    return with_ratio(
        frame.with_columns(
            audio_importance=(whole - pl.col("ap_lyrics")) / whole,
            lyrics_importance=(whole - pl.col("ap_audio")) / whole,
            labels_averaged=pl.lit(1, pl.Int32),
        )
    )


def by_coarse(genres: pl.DataFrame, coarse: pl.DataFrame) -> list[dict[str, Any]]:
    """Importances of every coarse genre that has a genre with some."""
    columns = ("ap_multimodal", "ap_audio", "ap_lyrics", "audio_importance", "lyrics_importance")
    known = genres.join(coarse, on="genre").drop_nulls(("coarse_genre", "audio_importance", "lyrics_importance"))
    means = known.group_by(pl.col("coarse_genre").alias("genre")).agg(
        *(pl.col(name).mean() for name in columns), labels_averaged=pl.len().cast(pl.Int32)
    )
    return with_ratio(means.sort("genre")).to_dicts()


def left_out(importance: Iterable[Mapping[str, Any]], coarse: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Genres that enter no coarse genre, and so not Figure 6.1, by reason; reasons that no genre has are left out.

    Args:
        importance: Rows of `report.modality_importance`.
        coarse: Rows of `genre.coarse`.
    """
    unmapped = {row["genre"] for row in coarse if row["status"] == UNMAPPED}
    genres = sorted((row for row in importance if row["level"] == "genre"), key=lambda row: row["genre"])
    found = {
        NO_COARSE: [row["genre"] for row in genres if row["genre"] in unmapped],
        NO_IMPORTANCE: [
            row["genre"] for row in genres if row["audio_importance"] is None and row["genre"] not in unmapped
        ],
    }
    return {reason: names for reason, names in found.items() if names}


def with_ratio(frame: pl.DataFrame) -> pl.DataFrame:
    """Add how many times as important audio is; a ratio to nothing or less says nothing."""
    lyrics = pl.when(pl.col("lyrics_importance") > 0).then(pl.col("lyrics_importance"))
    return frame.with_columns(importance_ratio=pl.col("audio_importance") / lyrics)
