"""The works that are reproduced, in words: title, authors, year, and what is ours beyond them (works.toml)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipelines.experiments.schema import EXPERIMENTS, PlanError
from warehouse.parsing import read

FILE = EXPERIMENTS / "works.toml"


@dataclass(frozen=True)
class Work:
    """One work.

    Attributes:
        name: Its folder below `pipelines/experiments`, and its job.
        title: As printed.
        authors: In their order.
        cited: The authors in short.
        year: Of publication.
        published: Where, or as what.
        beyond: What the rows of ours beside its own are about.
    """

    name: str
    title: str
    authors: str
    cited: str
    year: int
    published: str
    beyond: str


@cache
def load_works(path: Path = FILE) -> Mapping[str, Work]:
    """Read the works by name, in their order.

    Raises:
        PlanError: for a file that is not TOML, and a key that is missing, unknown or of another type.
    """
    return read(path, dict[str, Work], PlanError, where=path.name)
