"""What each dataset expects on disk, its licence and how to cite it: the `<dataset>.toml` beside its reader."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from warehouse.parsing import read

FOLDER = Path(__file__).parent
DATASETS = ("music4all", "msd", "genius", "fma")


@dataclass(frozen=True)
class Expected:
    """One thing a dataset holds.

    Attributes:
        path: Where it lies below the dataset's root, as a reader writes it down.
        what: What it holds.
        required: Whether nothing can be done without it.
    """

    path: str
    what: str
    required: bool


@dataclass(frozen=True)
class DatasetCard:
    """One dataset in words.

    Attributes:
        dataset: Key in the tables, for example `msd`.
        name: Name its authors gave it.
        variables: Environment variables that say where it lies; the first is the dataset itself.
        licence: What may be done with it.
        citation: How to cite it.
        url: Where it comes from.
        layout: What lies where.
    """

    dataset: str
    name: str
    variables: tuple[str, ...]
    licence: str
    citation: str
    url: str
    layout: tuple[Expected, ...]


@cache
def load_card(dataset: str) -> DatasetCard:
    """Read `<dataset>.toml`, one of `DATASETS`."""
    return read(FOLDER / f"{dataset}.toml", DatasetCard, dataset=dataset)
