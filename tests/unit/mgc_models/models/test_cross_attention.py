"""Symmetric cross-attention against a plain computation, query by query."""

import math

import pytest
import torch

from mgc_models.errors import ModelError
from mgc_models.models.cross_attention import SymmetricCrossAttention

WIDTH, HEADS = 12, 3


@pytest.fixture
def fusion():
    torch.manual_seed(0)
    return SymmetricCrossAttention(2, WIDTH, HEADS, 20, 0.1).eval().double()


@pytest.fixture
def batch():
    torch.manual_seed(1)
    mask = torch.arange(6) < torch.tensor([6, 2, 4])[:, None]
    return torch.randn(3, 5, WIDTH).double(), torch.randn(3, 6, WIDTH).double(), mask


def norm(x, layer):
    return (x - x.mean()) / (x.var(unbiased=False) + layer.eps).sqrt() * layer.weight + layer.bias


def slow_direction(layer, queries, context):
    """One track, one query and one head at a time: queries [Lq, d], context [Lk, d] without padding."""
    attention, size = layer.attention, WIDTH // HEADS
    weights = attention.in_proj_weight.split(WIDTH)
    q, k, v = (
        x @ weight.T + bias
        for x, weight, bias in zip(
            (queries, context, context), weights, attention.in_proj_bias.split(WIDTH), strict=True
        )
    )
    rows = []
    for row, query in enumerate(queries):
        heads = []
        for head in range(HEADS):
            own = slice(head * size, (head + 1) * size)
            scores = torch.stack([q[row, own] @ key[own] / math.sqrt(size) for key in k])
            shares = scores.exp() / scores.exp().sum()
            heads.append(sum(share * value[own] for share, value in zip(shares, v, strict=True)))
        gathered = attention.out_proj.weight @ torch.cat(heads) + attention.out_proj.bias
        state = norm(query + gathered, layer.norm1)
        first, _, _, second = layer.feed_forward
        inner = first.weight @ state + first.bias
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        rows.append(norm(state + second.weight @ inner + second.bias, layer.norm2))
    return torch.stack(rows)


@torch.no_grad()
def test_two_layers_are_what_a_plain_computation_without_padding_gives(fusion, batch) -> None:
    audio, lyrics, mask = batch
    heard, read = fusion(audio, lyrics, mask)
    for track, real in enumerate(mask.sum(1).tolist()):
        one, two = audio[track], lyrics[track, :real]
        for listen, reading in zip(fusion.audio, fusion.lyrics, strict=True):
            one, two = slow_direction(listen, one, two), slow_direction(reading, two, one)
        torch.testing.assert_close(heard[track], one)
        torch.testing.assert_close(read[track, :real], two)


def test_the_directions_do_not_share_weights_and_see_only_each_other_s_input(fusion, batch) -> None:
    audio, lyrics, mask = batch
    heard, read = fusion(audio, lyrics, mask)
    shuffled, _ = fusion(audio, lyrics[:, torch.tensor([1, 0, 2, 3, 4, 5])], mask)
    torch.testing.assert_close(heard, shuffled)  # the order of the context says nothing, which values it has does
    other, _ = fusion(audio, lyrics + 1, mask)
    assert not torch.allclose(heard, other)
    swapped, _ = fusion(lyrics, audio, mask[:, :5] | True)
    assert not torch.allclose(swapped, read)


def test_heads_that_do_not_divide_the_width_are_named() -> None:
    with pytest.raises(ModelError, match=r"model.width \(12\) must be divisible by model.fusion_heads \(5\)"):
        SymmetricCrossAttention(1, 12, 5, 8, 0.0)
