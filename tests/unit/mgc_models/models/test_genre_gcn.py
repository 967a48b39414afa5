"""The graph convolution over genres against a computation by hand, and what happens where the graph says nothing."""

import pytest
import torch
from torch import tensor

from mgc_models.data.shape import GenreGraph
from mgc_models.errors import ModelError
from mgc_models.models.genre_gcn import GenreGCN, GraphClassifier, LabelAttention, node_features

CORRELATION = tensor([[0.5, 0.5, 0.0], [0.5, 0.25, 0.0], [0.0, 0.0, 1.0]])
NODES = tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])


NAMES = ("rock", "pop", "jazz")


def graph(nodes: torch.Tensor | None = NODES) -> GenreGraph:
    return GenreGraph(NAMES, CORRELATION, nodes)


def by_hand() -> GenreGCN:
    gcn = GenreGCN(graph(), "names", hidden=2, out_width=1, slope=0.2)
    with torch.no_grad():
        gcn.first.weight.copy_(tensor([[1.0, -1.0], [0.5, 1.0]]))
        gcn.second.weight.copy_(tensor([[2.0], [10.0]]))
    return gcn


def test_three_genres_by_hand() -> None:
    # H W1 = [1, -1], [1, 2], [1.5, 0]
    # A H W1 = [1, .5], [.75, 0], [1.5, 0]; nothing is negative, so the LeakyReLU changes nothing.
    # times W2 = 7, 1.5, 3; A of that = 4.25, 3.875, 3
    torch.testing.assert_close(by_hand()(), tensor([[4.25], [3.875], [3.0]]))


def test_the_slope_acts_on_what_is_negative() -> None:
    gcn = by_hand()
    with torch.no_grad():
        gcn.first.weight.copy_(tensor([[-1.0, 0.0], [0.0, 0.0]]))
    # A H W1 = -.5, -.5, -1 in the first column; times .2 and 2 = -.2, -.2, -.4; A of that:
    torch.testing.assert_close(gcn(), tensor([[-0.2], [-0.15], [-0.4]]))


def test_every_genre_is_the_classifier_of_its_logit() -> None:
    logits = GraphClassifier(by_hand())(tensor([[2.0], [-1.0]]))
    torch.testing.assert_close(logits, tensor([[8.5, 7.75, 6.0], [-4.25, -3.875, -3.0]]))


def test_a_genre_with_no_neighbour_keeps_to_itself_and_learns() -> None:
    gcn = by_hand()
    gcn()[2].sum().backward()
    changed = NODES.clone()
    changed[:2] += 7
    other = GenreGCN(graph(changed), "names", hidden=2, out_width=1, slope=0.2)
    other.load_state_dict(gcn.state_dict() | {"nodes": changed})
    torch.testing.assert_close(gcn()[2], other()[2], rtol=0, atol=0)
    assert gcn.first.weight.grad.abs().sum() > 0


def test_the_matrix_and_the_nodes_are_stored_but_not_trained() -> None:
    gcn = by_hand()
    assert {name for name, _ in gcn.named_parameters()} == {"first.weight", "second.weight"}
    assert {"correlation", "nodes"} <= gcn.state_dict().keys()


def test_label_attention_never_looks_behind_the_mask() -> None:
    torch.manual_seed(0)
    head = LabelAttention(GenreGCN(graph(), "names", hidden=4, out_width=6, slope=0.2), 6, 3)
    states, mask = torch.randn(2, 5, 6), tensor([[True] * 5, [True, True, False, False, False]])
    logits = head(states, mask)
    torch.testing.assert_close(logits[1:], head(states[1:, :2], mask[1:, :2]))
    torch.testing.assert_close(logits, head(states.masked_fill(~mask[..., None], 9.0), mask), rtol=0, atol=0)


def test_name_vectors_are_used_as_they_are_or_centred_to_a_mean_square_of_one() -> None:
    features, kind = node_features(graph(), "names")
    assert torch.equal(features, NODES)
    assert kind == "names"
    centred, kind = node_features(graph(NODES + 100), "centred_names")
    torch.testing.assert_close(centred.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(centred.square().mean(), tensor(1.0))
    assert kind == "centred_names"
    assert node_features(graph(torch.ones(3, 2)), "centred_names")[0].isfinite().all()


@pytest.mark.parametrize("kind", ["names", "centred_names", "one_hot"])
def test_genres_are_one_hot_where_one_of_them_has_no_name_vector(kind) -> None:
    unknown = NODES.clone()
    unknown[1] = torch.nan
    for nodes in [None, unknown] + [NODES] * (kind == "one_hot"):
        features, found = node_features(graph(nodes), kind)
        assert torch.equal(features, torch.eye(3))
        assert found == "one_hot"


@pytest.mark.parametrize("matrix", [torch.eye(2), torch.full((3, 3), torch.nan)])
def test_a_matrix_that_does_not_fit_is_refused(matrix) -> None:
    with pytest.raises(ModelError, match=r"expected finite numbers \[3, 3\], one row and column per genre"):
        GenreGCN(GenreGraph(NAMES, matrix, NODES), "names", hidden=2, out_width=1, slope=0.2)
