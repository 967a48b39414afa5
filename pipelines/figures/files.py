"""Figures as files: equal figures give equal bytes, and each keeps what it was drawn from."""

from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from warehouse.store import replacing

INPUTS = "mgc.inputs"


def save(figure: Figure, path: Path, inputs: str | None = None) -> None:
    """Write a PNG; equal figures give equal bytes. `inputs` is kept in the file (see `drawn_from`)."""
    kept = {} if inputs is None else {INPUTS: inputs}
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None, **kept})


def drawn_from(path: Path) -> str | None:
    """The `inputs` a figure was drawn from; None where it is not there or damaged."""
    try:
        with Image.open(path) as image:
            return str(image.info.get(INPUTS, ""))
    except OSError:
        return None
