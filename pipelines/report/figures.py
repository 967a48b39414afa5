"""Learning curves from `run.epochs`."""

from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from warehouse.store import replacing

# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHOWN = ("loss", "classification_loss", "contrastive_loss", "contrastive_accuracy")
INPUTS = "mgc.inputs"


def learning_curves(runs: pl.DataFrame, epochs: pl.DataFrame, path: Path, inputs: str) -> None:
    """Draw mean and range over folds, a panel per metric and a line per setting.

    Args:
        runs: `run.runs`.
        epochs: `run.epochs`.
        path: PNG to write.
        inputs: Hash of what is drawn, kept in the file (see `drawn_from`).
    """
    curves = (
        epochs.drop_nulls("value")
        .join(runs.select("run_id", "setting_id"), on="run_id")
        .group_by("metric", "setting_id", "epoch")
        .agg(
            pl.col("value").mean().alias("mean"),
            pl.col("value").min().alias("low"),
            pl.col("value").max().alias("high"),
        )
        .sort("metric", "setting_id", "epoch")
    )
    metrics = [metric for metric in SHOWN if metric in curves["metric"]] or ["loss"]
    colours = dict(zip(runs["setting_id"].unique().sort(), COLOURS * runs.height, strict=False))
    figure = Figure(figsize=(4.2 * len(metrics), 3.4), dpi=110, layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        draw_metric(axes, metric, curves.filter(pl.col("metric") == metric), colours)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None, INPUTS: inputs})


def draw_metric(axes: Axes, metric: str, curves: pl.DataFrame, colours: dict[str, str]) -> None:
    """Draw one panel."""
    for (setting_id,), line in curves.group_by("setting_id", maintain_order=True):
        colour = colours[str(setting_id)]
        axes.plot(line["epoch"], line["mean"], color=colour, marker=".", label=str(setting_id))
        axes.fill_between(line["epoch"], line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
    axes.set_title(metric.replace("_", " "))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    if curves.is_empty():
        axes.text(0.5, 0.5, "no finished run", ha="center", va="center", transform=axes.transAxes)
    else:
        axes.legend(fontsize="small", frameon=False)


def drawn_from(path: Path) -> str | None:
    """The `inputs` a figure was drawn from; None where it is not there or damaged."""
    try:
        with Image.open(path) as image:
            return str(image.info.get(INPUTS, ""))
    except OSError:
        return None
