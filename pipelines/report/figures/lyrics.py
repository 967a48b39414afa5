"""Length of the lyrics before and after repetitions were removed (Jiang 2024, Figure 5.2)."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from pipelines.report.figures.files import save

SIDES = {"words_before": ("before", "#c9cdd2"), "words_after": ("after", "#2a6f97")}
BINS = 80
SHOWN = 0.995  # quantile of the lengths at which the axis ends; longer lyrics are in the last bin


def lyrics_lengths(lyrics: pl.DataFrame, path: Path, title: str) -> None:
    """Draw both distributions with their mean and standard deviation.

    Args:
        lyrics: Columns words_before, words_after of usable lyrics.
        path: Where the PNG goes.
        title: What is counted.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    if lyrics.height:
        most = max(1.0, float(np.quantile(lyrics["words_before"].to_numpy(), SHOWN)))
        edges = np.linspace(0, most, BINS + 1)
        for column, (name, colour) in SIDES.items():
            words = lyrics[column].to_numpy()
            label = f"{name}: mean {words.mean():,.0f}, standard deviation {words.std():,.0f}"
            axes.hist(np.clip(words, 0, most), bins=edges.tolist(), alpha=0.65, color=colour, label=label)
        axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel("words")
    axes.set_ylabel("tracks")
    axes.set_title(title, fontsize=9)
    save(figure, path)
