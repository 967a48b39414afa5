"""The genres as a graph: what a genre correlation module starts from (Ru 2023)."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class GenreGraph:
    """Genres as nodes; rows and columns are in genre order.

    Attributes:
        names: Genre names.
        correlation: float32 `[C, C]`, from the co-occurrences of the training part alone.
        node_features: float32 `[C, D]`, vectors of the names; None where there are none.
    """

    names: tuple[str, ...]
    correlation: Tensor
    node_features: Tensor | None
