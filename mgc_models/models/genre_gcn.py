"""The genre correlations extraction module (GCEM) of Ru et al. 2023: a graph convolution over genres, as in ML-GCN.

ML-GCN is Chen et al. 2019, arXiv 1904.03582. The matrix is used as it comes: `genre.correlation.weight` is already
thresholded, re-weighted and normalised (docs/decisions/genres.md#correlation-matrix).
"""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mgc_models.data.shape import GenreGraph
from mgc_models.errors import ModelError

_SAME = 1e-6  # spread of name vectors that do not differ


def node_features(graph: GenreGraph, kind: str) -> tuple[Tensor, str]:
    """Give the features of each genre that the graph network starts from.

    Args:
        graph: Its `node_features` are vectors of the genres' names, or None.
        kind: `names`; `centred_names`: less their mean, and scaled to a mean square of 1, since BERT's vectors of any
            two names are nearly the same; `one_hot`: the first layer's weights are then a learned vector of each genre.

    Returns:
        `[C, D]` float32, and the kind it is: one-hot where vectors are wanted and a genre has none.
    """
    vectors = graph.node_features
    if kind == "one_hot" or vectors is None or not vectors.isfinite().all():
        return torch.eye(len(graph.names)), "one_hot"
    if kind == "names":
        return vectors.float(), kind
    centred = vectors.float() - vectors.float().mean(0)
    return centred / centred.square().mean().sqrt().clamp(min=_SAME), kind


def stored_graph(state: Mapping[str, Tensor], names: Sequence[str]) -> GenreGraph | None:
    """The graph inside a model's state dict, with which the model can be built to load it; None if there is none.

    Args:
        state: Names of `GenreGCN`'s tensors behind any prefix.
        names: The genres.
    """
    ends = {key.rpartition(".")[2]: value for key, value in state.items() if ".gcn." in f".{key}"}
    if not {"correlation", "nodes"} <= ends.keys():
        return None
    return GenreGraph(tuple(names), ends["correlation"], ends["nodes"])


class GraphConvolution(nn.Module):
    """A H W, without bias, as in ML-GCN's code: `[C, in]` to `[C, out]`."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(out_width)
        self.weight = nn.Parameter(torch.empty(in_width, out_width).uniform_(-bound, bound))

    def forward(self, correlation: Tensor, nodes: Tensor) -> Tensor:
        """Mix each genre's projected features with those of the genres it is correlated with."""
        return correlation @ (nodes @ self.weight)


class GenreGCN(nn.Module):
    """Two graph convolutions with a LeakyReLU between them.

    Attributes:
        correlation: `[C, C]`, not trained.
        nodes: `[C, D]`, the genres' features before the convolution; not trained.
        node_kind: What the nodes are, see `node_features`.
    """

    def __init__(
        self, graph: GenreGraph, features: str, *, hidden: int, out_width: int, slope: float, start: str = "own"
    ) -> None:
        super().__init__()
        correlation = graph.correlation
        nodes, self.node_kind = node_features(graph, features)
        if correlation.shape != (len(nodes), len(nodes)) or not correlation.isfinite().all():
            raise ModelError(
                f"genre correlation {list(correlation.shape)}: expected finite numbers [{len(nodes)}, {len(nodes)}], "
                "one row and column per genre"
            )
        self.correlation: Tensor
        self.nodes: Tensor
        self.register_buffer("correlation", correlation.float())
        self.register_buffer("nodes", nodes)
        self.first = GraphConvolution(nodes.shape[1], hidden)
        self.second = GraphConvolution(hidden, out_width)
        self.slope = slope
        if start == "linear":
            self._start_as_linear(out_width)

    def _start_as_linear(self, out_width: int) -> None:
        """Scale the last layer so that the genres' vectors have the mean square of a linear layer's rows.

        These are uniform within 1 / sqrt(in_features), with a mean square of 1 / (3 in_features).
        """
        with torch.no_grad():
            self.second.weight.mul_((3 * out_width * self().square().mean()).rsqrt())

    def forward(self) -> Tensor:
        """The genres after the convolution: `[C, out_width]`."""
        hidden = F.leaky_relu(self.first(self.correlation, self.nodes), self.slope)
        return self.second(self.correlation, hidden)


class GraphClassifier(nn.Module):
    """ML-GCN's use of the genres: each is the classifier of its own logit."""

    def __init__(self, gcn: GenreGCN) -> None:
        super().__init__()
        self.gcn = gcn

    def forward(self, fused: Tensor) -> Tensor:
        """Logits `[B, C]` of fused features `[B, out_width]`."""
        return fused @ self.gcn().T


class LabelAttention(nn.Module):
    """Alternative classifier: each genre queries the sequence, and is scored on what it attends to alone."""

    def __init__(self, gcn: GenreGCN, width: int, n_genres: int) -> None:
        super().__init__()
        self.gcn = gcn
        self.judges = nn.Linear(width, n_genres)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Logits `[B, C]` of states `[B, L, width]`; `mask [B, L]` is false where there is nothing to look at."""
        genres = self.gcn().expand(len(states), -1, -1)
        seen = F.scaled_dot_product_attention(genres.to(states.dtype), states, states, attn_mask=mask[:, None])
        return (seen * self.judges.weight).sum(-1) + self.judges.bias
