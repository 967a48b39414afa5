"""Learning curves from `run.epochs`."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipelines.report.figures.files import save

# Okabe and Ito's colours, which stay apart for colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHOWN = (
    "loss",
    "classification_loss",
    "audio_loss",
    "lyrics_loss",
    "contrastive_loss",
    "contrastive_accuracy",
    "validation_f1",
    "validation_f1_tuned",
    "validation_map",
)
STAGES = ("pretrain", "finetune")
LOOKS = tuple((colour, style) for style in ("-", "--", ":", "-.") for colour in COLOURS)


def learning_curves(runs: pl.DataFrame, epochs: pl.DataFrame, path: Path) -> None:
    """Draw mean and range over folds: a row of panels per stage, a panel per metric, a line per setting.

    Args:
        runs: `run.runs`.
        epochs: `run.epochs`.
        path: PNG to write.
    """
    curves = (
        epochs.drop_nulls("value")
        .join(runs.select("run_id", "setting_id", "stage"), on="run_id")
        .group_by("stage", "metric", "setting_id", "epoch")
        .agg(
            pl.col("value").mean().alias("mean"),
            pl.col("value").min().alias("low"),
            pl.col("value").max().alias("high"),
        )
        .sort("metric", "setting_id", "epoch")
    )
    stages = [stage for stage in STAGES if stage in curves["stage"]] or list(STAGES[-1:])
    shown = {stage: metrics_of(curves.filter(stage=stage)) for stage in stages}
    columns = max(len(metrics) for metrics in shown.values())
    looks = dict(zip(runs["setting_id"].unique().sort(), itertools.cycle(LOOKS)))
    figure = Figure(figsize=(4.2 * columns, 3.4 * len(stages) + 0.07 * len(looks)), layout="constrained")
    for line, stage in zip(figure.subplots(len(stages), columns, squeeze=False), stages, strict=True):
        for axes in line[len(shown[stage]) :]:
            axes.set_axis_off()
        for axes, metric in zip(line, shown[stage], strict=False):
            draw_metric(axes, f"{stage}: {metric}", curves.filter(stage=stage, metric=metric), looks)
    keys = [Line2D([], [], color=colour, linestyle=style, label=name) for name, (colour, style) in looks.items()]
    if keys:
        figure.legend(handles=keys, loc="outside lower center", ncols=columns, fontsize="x-small", frameon=False)
    save(figure, path)


def metrics_of(curves: pl.DataFrame) -> list[str]:
    """The metrics that are drawn, of those that there are."""
    return [metric for metric in SHOWN if metric in curves["metric"]] or ["loss"]


def draw_metric(axes: Axes, title: str, curves: pl.DataFrame, looks: Mapping[str, tuple[str, str]]) -> None:
    """Draw one panel, each setting in its colour and line style."""
    for (setting_id,), line in curves.group_by("setting_id", maintain_order=True):
        colour, style = looks[str(setting_id)]
        axes.plot(line["epoch"], line["mean"], color=colour, linestyle=style, linewidth=1.2)
        axes.fill_between(line["epoch"], line["low"], line["high"], color=colour, alpha=0.12, linewidth=0)
    axes.set_title(title.replace("_", " "))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    if curves.is_empty():
        axes.text(0.5, 0.5, "no finished run", ha="center", va="center", transform=axes.transAxes)
