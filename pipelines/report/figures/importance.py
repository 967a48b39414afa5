"""Importance of audio and lyrics for every coarse genre, and their ratio (Jiang 2024, Figure 6.1)."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from pipelines.report.figures.files import save

AUDIO, LYRICS, RATIO = "#0072B2", "#E69F00", "#444444"
BAR = 0.38


def importance_chart(rows: pl.DataFrame, path: Path) -> None:
    """Draw both importances as bars in percent, and their ratio below.

    Args:
        rows: Columns genre, audio_importance, lyrics_importance, importance_ratio; one row per coarse genre.
        path: Where the PNG goes.
    """
    figure = Figure(figsize=(max(5.0, 0.62 * rows.height + 1.6), 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    places = np.arange(rows.height)
    if rows.is_empty():
        above.text(0.5, 0.5, "no finished runs", ha="center", va="center", transform=above.transAxes)
    for shift, name, colour in ((-BAR / 2, "audio", AUDIO), (BAR / 2, "lyrics", LYRICS)):
        above.bar(places + shift, rows[f"{name}_importance"].to_numpy() * 100, BAR, color=colour, label=name)
    above.axhline(0, color=RATIO, linewidth=0.8)
    above.set_ylabel("importance (%)")
    above.legend(frameon=False, fontsize="small")
    below.bar(places, rows["importance_ratio"].fill_null(0).to_numpy(), 2 * BAR, color=RATIO)
    below.axhline(1, color=RATIO, linewidth=0.8, linestyle=":")
    below.set_ylabel("audio / lyrics")
    below.set_xticks(places, rows["genre"].to_list(), rotation=45, ha="right", parse_math=False)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)
