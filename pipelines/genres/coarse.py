"""Coarse genres: each genre in scope to one of the 13 that Jiang 2024, Figure 6.1, shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.corpora.config import CorpusError
from warehouse.parsing import MISSING, SpecError, parse, read

FILE = Path(__file__).with_name("coarse_genres.toml")
MAPPED, UNMAPPED = "mapped", "unmapped"
SCHEMA = dict.fromkeys(("corpus", "genre", "coarse_genre", "status"), pl.String)


@dataclass(frozen=True)
class CoarseGenre:
    """Labels of a coarse genre, and the last words of labels of it."""

    labels: tuple[str, ...]
    endings: tuple[str, ...]


@dataclass(frozen=True)
class CoarseMap:
    """The coarse genre that each label belongs to.

    Attributes:
        path: File it was read from.
        datasets: Datasets whose genres it is for.
        labels: Label -> coarse genre.
        endings: (last words, coarse genre), the longest first.
    """

    path: Path
    datasets: tuple[str, ...]
    labels: dict[str, str]
    endings: tuple[tuple[str, str], ...]

    def of(self, genre: str) -> str | None:
        """Coarse genre of a label; None where the file says nothing of it."""
        return self.labels.get(genre) or next((name for end, name in self.endings if genre.endswith(end)), None)


def load_coarse_map(path: Path = FILE) -> CoarseMap:
    """Read the mapping.

    Raises:
        CorpusError: for a file that cannot be read, or a label or ending that two coarse genres list.
    """
    content = read(path, dict[str, Any], CorpusError)
    try:
        datasets = parse(tuple[str, ...], content.pop("datasets", MISSING), "datasets")
        entries = parse(dict[str, CoarseGenre], content)
    except SpecError as error:
        raise CorpusError(f"{path}: {error}.") from error
    pairs = {
        kind: [(label, coarse) for coarse, entry in entries.items() for label in getattr(entry, kind)]
        for kind in ("labels", "endings")
    }
    for listed in pairs.values():
        names = [label for label, _ in listed]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise CorpusError(f"{path}: {twice[0]!r} stands under two coarse genres; a genre has one.")
    longest_first = sorted(pairs["endings"], key=lambda pair: (-len(pair[0]), pair))
    return CoarseMap(path, datasets, dict(pairs["labels"]), tuple(longest_first))


def coarse_genres(corpus: str, genres: Sequence[str], mapping: CoarseMap) -> pl.DataFrame:
    """Rows of genre.coarse; a label that the file says nothing of has status `unmapped`."""
    rows = [
        (corpus, genre, coarse, MAPPED if coarse else UNMAPPED) for genre in genres for coarse in [mapping.of(genre)]
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
