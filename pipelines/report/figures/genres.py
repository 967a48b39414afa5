"""Pictures of a corpus' genres (Jiang 2024, Figure 5.1)."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from pipelines.report.figures.files import save

MOST_BARS = 120  # as many as Figure 5.1 shows
IN_SCOPE, OUTSIDE = "#2a6f97", "#c9cdd2"


def frequency_chart(frequency: pl.DataFrame, path: Path, title: str) -> None:
    """Draw tracks per genre as bars, those outside the scope in grey.

    Args:
        frequency: Columns genre, rank, tracks, in_scope of one scope.
        path: Where the PNG goes.
        title: What is counted.
    """
    rows = frequency.sort("rank").head(MOST_BARS)
    figure = Figure(figsize=(max(5.0, 0.16 * rows.height + 1.5), 4.2), layout="constrained")
    axes = figure.subplots()
    colours = [IN_SCOPE if inside else OUTSIDE for inside in rows["in_scope"]]
    axes.bar(range(rows.height), rows["tracks"].to_list(), color=colours)
    axes.set_xticks(range(rows.height), rows["genre"].to_list(), rotation=90, fontsize=6, parse_math=False)
    axes.set_ylabel("tracks")
    axes.set_title(title, fontsize=9)
    axes.margins(x=0.01)
    save(figure, path)


def genre_map(
    pairs: pl.DataFrame, genres: list[str], path: Path, title: str, value: str = "conditional_probability"
) -> None:
    """Draw a value of every pair of genres, genre_a down and genre_b across.

    Args:
        pairs: Columns genre_a, genre_b and `value`, which lies between 0 and 1.
        genres: Order of rows and columns.
        path: Where the PNG goes.
        title: What is shown.
        value: Column that is shown.
    """
    places = {genre: place for place, genre in enumerate(genres)}
    matrix = np.zeros((len(genres), len(genres)))
    for row, column, share in pairs.select("genre_a", "genre_b", value).iter_rows():
        matrix[places[row], places[column]] = share
    side = max(4.0, 0.15 * len(genres) + 1.5)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    if genres:
        figure.colorbar(axes.imshow(matrix, vmin=0, vmax=1, cmap="viridis"), shrink=0.7)
    for set_ticks, rotation in ((axes.set_xticks, 90), (axes.set_yticks, 0)):
        set_ticks(range(len(genres)), genres, rotation=rotation, fontsize=6, parse_math=False)
    axes.set_title(title, fontsize=9)
    save(figure, path)
