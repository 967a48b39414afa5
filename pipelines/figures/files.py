"""Figures as files: equal figures give equal bytes."""

from pathlib import Path

from matplotlib.figure import Figure

from warehouse.store import replacing


def save(figure: Figure, path: Path) -> None:
    """Write a PNG; equal figures give equal bytes."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
