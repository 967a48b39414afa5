"""Genres on a plane, before and after the graph convolution (beyond Ru 2023, which shows none)."""

from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from pipelines.incremental import Step
from pipelines.report.figures.files import save

VERSION = 1
STEP = Step("genre embeddings", VERSION)
POINT = "#0072B2"
STAGES = {"before": "node features", "after": "after the graph convolution"}


def embedding_chart(rows: pl.DataFrame, path: Path) -> None:
    """Draw the genres of one run as named points, a panel per stage.

    Args:
        rows: Columns genre, stage, x, y of one setting.
        path: Where the PNG goes.
    """
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    for axes, (stage, title) in zip(figure.subplots(1, 2), STAGES.items(), strict=True):
        own = rows.filter(stage=stage).sort("genre")
        axes.scatter(own["x"], own["y"], s=12, color=POINT)
        for genre, x, y in own.select("genre", "x", "y").iter_rows():
            axes.annotate(genre, (x, y), (3, 3), textcoords="offset points", fontsize=6, parse_math=False)
        if own.is_empty():
            axes.text(0.5, 0.5, "no finished run", ha="center", va="center", transform=axes.transAxes)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("first principal component")
        axes.set_ylabel("second principal component")
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)
