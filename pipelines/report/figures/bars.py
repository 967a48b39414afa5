"""One printed table as bars: what the source prints beside ours (Ru 2023, the two bar figures)."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from pipelines.report.figures.files import save

PRINTED, OURS = "#B8C0C8", "#0072B2"
BAR = 0.38


def printed_beside_ours(rows: pl.DataFrame, title: str, path: Path) -> None:
    """Draw a bar for the printed number and one for ours, with our standard deviation, per row of the table.

    Args:
        rows: Columns row_label, printed_mean, ours_mean, ours_sd of one metric, in printed order.
        title: The metric.
        path: Where the PNG goes.
    """
    figure = Figure(figsize=(max(4.6, 1.3 * rows.height + 1.5), 3.8), layout="constrained")
    axes = figure.subplots()
    places = np.arange(rows.height)
    sides = (("printed", -BAR / 2, PRINTED, None), ("ours", BAR / 2, OURS, "ours_sd"))
    for name, shift, colour, spread in sides:
        heights = rows[f"{name}_mean"].fill_null(0).to_numpy()
        error = rows[spread].fill_null(0).to_numpy() if spread else None
        bars = axes.bar(places + shift, heights, BAR, color=colour, label=name, yerr=error, capsize=3)
        shown = [f"{value:.3f}" if value is not None else "" for value in rows[f"{name}_mean"]]
        axes.bar_label(bars, shown, fontsize="small", padding=2)
    axes.set_xticks(places, [label.replace(", ", ",\n") for label in rows["row_label"]], parse_math=False)
    axes.set_title(title)
    axes.margins(y=0.15)
    axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    save(figure, path)
