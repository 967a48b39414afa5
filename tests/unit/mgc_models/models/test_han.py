"""Hierarchical attention: its equations by hand, and that padding takes no part in anything."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mgc_models.errors import ModelError
from mgc_models.models.han import Attention, HierarchicalAttention


@pytest.fixture
def han() -> HierarchicalAttention:
    torch.manual_seed(0)
    table = torch.randn(9, 5)
    table[0] = 0
    return HierarchicalAttention(table, hidden=3, attention=4, dropout=0.5).eval()


def song(*lines: list[int], n: int) -> Tensor:
    return torch.tensor([[line + [0] * (n - len(line)) for line in lines]])


def test_attention_is_that_of_the_equations() -> None:
    """Nandy 2021, Eq. 2 to 4, written out in numpy for one sequence of three states."""
    torch.manual_seed(1)
    attention = Attention(4, 3)
    states = torch.randn(1, 5, 4)
    mask = torch.tensor([[True, True, True, False, False]])
    found, weights = attention(states, mask)
    h = states[0, :3].numpy().astype(np.float64)
    w_a, b_a = (parameter.detach().double().numpy() for parameter in (attention.hidden.weight, attention.hidden.bias))
    u_a = attention.context.weight.detach().double().numpy()[0]
    u = [np.tanh(w_a @ h_i + b_a) for h_i in h]
    alpha = [np.exp(u_i @ u_a) / sum(np.exp(u_k @ u_a) for u_k in u) for u_i in u]
    np.testing.assert_allclose(weights.detach()[0, :3], alpha, rtol=1e-5)
    assert weights[0, 3:].tolist() == [0, 0]
    np.testing.assert_allclose(found.detach()[0], sum(a * h_i for a, h_i in zip(alpha, h, strict=True)), rtol=1e-5)


def test_both_levels_are_gru_then_attention(han: HierarchicalAttention) -> None:
    """The song vector, made line by line with torch's GRU on unpadded sequences."""
    lines = [[3, 4, 5], [6], [7, 8]]

    def level(module: nn.Module, states: Tensor) -> Tensor:
        out, _ = module.gru(states[None])
        return module.attention(out, torch.ones(1, len(states), dtype=torch.bool))[0][0]

    vectors = torch.stack([level(han.word_level, han.words(torch.tensor(line))) for line in lines])
    found, _, _ = han(song(*lines, n=3))
    torch.testing.assert_close(found[0], level(han.line_level, vectors))


def test_padding_changes_nothing(han: HierarchicalAttention) -> None:
    plain = han(song([3, 4], [5], n=2))
    padded = han(song([3, 4], [5], [], [], n=6))
    torch.testing.assert_close(padded[0], plain[0])
    torch.testing.assert_close(padded[1][:, :2, :2], plain[1])
    torch.testing.assert_close(padded[2][:, :2], plain[2])
    assert not padded[1][:, 2:].any()
    assert not padded[2][:, 2:].any()
    # also in the middle of a line or song, and beside longer songs
    holes = han(torch.tensor([[[0, 3, 0, 4], [0, 0, 0, 0], [5, 0, 0, 0]], [[7, 8, 7, 8]] * 3]))
    torch.testing.assert_close(holes[0][:1], plain[0])
    torch.testing.assert_close(holes[1][0, 0, [1, 3]], plain[1][0, 0])
    torch.testing.assert_close(holes[2][0, [0, 2]], plain[2][0])


def test_weights_sum_to_one_and_a_song_without_lines_is_zero(han: HierarchicalAttention) -> None:
    songs = torch.cat([song([3, 4], [5], n=2), song([], [], n=2)])
    vectors, word_weights, line_weights = han(songs)
    torch.testing.assert_close(word_weights.sum(-1), torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    torch.testing.assert_close(line_weights.sum(-1), torch.tensor([1.0, 0.0]))
    assert not vectors[1].any()
    vectors.sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in han.parameters() if p.grad is not None)


def test_word_vectors_are_trained_or_kept_and_padding_stays_zero() -> None:
    table = torch.ones(4, 5)
    for train_words in (True, False):
        han = HierarchicalAttention(table, 2, 2, 0.0, train_words=train_words)
        optimiser = torch.optim.SGD([p for p in han.parameters() if p.requires_grad], lr=1.0)
        han(song([2, 3], [3], n=4))[0].sum().backward()
        optimiser.step()
        assert torch.equal(han.words.weight[0], table[0])
        assert torch.equal(han.words.weight, table) != train_words
    assert torch.equal(table, torch.ones(4, 5))


def test_words_of_another_shape_are_refused(han: HierarchicalAttention) -> None:
    with pytest.raises(ModelError, match=r"expected \[B, lines, words\]"):
        han(torch.tensor([[2, 3]]))
