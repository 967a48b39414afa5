"""Spectrograms with parts hidden, and what the model put there (Jiang 2024, Table 6.10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipelines.incremental import Step
from pipelines.report.figures.files import save

VERSION = 2
TRACKS, PICTURES = 256, 2  # that are filled in, and of these shown
STEP = Step("inpainting", VERSION, settings={"tracks": TRACKS, "pictures": PICTURES})
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Inpainted:
    """One spectrogram under one masking ratio; the images are `[bands, frames]`.

    Attributes:
        track_id: Which track.
        mask_ratio: Share of the patches that were hidden.
        mse: Mean squared error of the hidden patches.
        original: As it is.
        hidden: Where patches were hidden.
        filled: With the model's patches in their place.
    """

    track_id: str
    mask_ratio: float
    mse: float
    original: Image
    hidden: NDArray[np.bool_]
    filled: Image


def inpainting_chart(rows: Sequence[Inpainted], path: Path) -> None:
    """Draw original, masked and filled spectrogram side by side, a line for each track and ratio.

    Args:
        rows: What to draw.
        path: Where the PNG goes.
    """
    figure = Figure(figsize=(9.6, 1.5 * max(1, len(rows)) + 0.5), layout="constrained")
    grid = figure.subplots(max(1, len(rows)), 3, squeeze=False, sharex=True, sharey=True)
    for line, row in zip(grid, rows, strict=False):
        low, high = np.quantile(row.original, (0.01, 0.99))
        images = (row.original, np.where(row.hidden, np.nan, row.original), row.filled)
        titles = (f"track {row.track_id}", f"{row.mask_ratio:.0%} hidden", f"filled in, MSE {row.mse:.3f}")
        for axes, image, title in zip(line, images, titles, strict=True):
            axes.imshow(
                image, origin="lower", aspect="auto", vmin=low, vmax=high, cmap="magma", interpolation="nearest"
            )
            axes.set_title(title, fontsize=8, parse_math=False)
            axes.set_xticks([])
            axes.set_yticks([])
    save(figure, path)
