"""What stays visible, and where: positions against CAV-MAE's formula, masking counts for any lengths."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mgc_models.models.jiang_mae.masking import mask_audio, mask_lyrics
from mgc_models.models.jiang_mae.transformer import grid_positions, sine_table


@pytest.mark.parametrize(("rows", "columns"), [(8, 32), (8, 64), (1, 256)])
def test_positions_are_cav_mae_s(rows: int, columns: int) -> None:
    """A quarter of the channels each: sine and cosine of the column (time), sine and cosine of the row (frequency)."""
    channels = 16
    got = grid_positions(sine_table(channels // 2), torch.arange(rows * columns), columns)
    for row, column in ((0, 0), (rows - 1, columns - 1), (rows // 2, 3)):
        expected = []
        for place in (column, row):
            angles = [place / 10000 ** (k / (channels / 4)) for k in range(channels // 4)]
            expected += [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
        torch.testing.assert_close(got[row * columns + column], torch.tensor(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.65, 0.75, 0.85])
def test_audio_keeps_the_patches_of_smallest_noise(ratio: float) -> None:
    noise = torch.rand(3, 256)
    part = mask_audio(noise, ratio, 32)
    assert part.kept.shape[1] == int(256 * (1 - ratio))
    assert torch.equal(torch.cat((part.kept, part.masked), 1).sort(1).values, torch.arange(256).expand(3, -1))
    assert (noise.gather(1, part.kept).max(1).values < noise.gather(1, part.masked).min(1).values).all()


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    slots=st.integers(40, 48),
    ratio=st.sampled_from([0.0, 0.3, 0.5, 0.65, 0.75, 0.85, 0.95]),
    among=st.sampled_from(["slots", "tokens"]),
    seed=st.integers(0, 99),
)
def test_lyrics_are_masked_in_equal_numbers_whatever_their_lengths(
    lengths: list[int], slots: int, ratio: float, among: str, seed: int
) -> None:
    noise = torch.rand(len(lengths), slots, generator=torch.Generator().manual_seed(seed))
    real = torch.arange(slots) < torch.tensor(lengths)[:, None]
    part = mask_lyrics(noise, real, ratio, among)
    kept = int(slots * (1 - ratio))
    assert part.kept.shape == (len(lengths), kept)
    assert torch.equal(torch.cat((part.kept, part.masked), 1).sort(1).values, torch.arange(slots).expand_as(noise))
    assert torch.equal(part.kept_real, real.gather(1, part.kept))
    assert torch.equal(part.masked_real, real.gather(1, part.masked))
    for row, length in enumerate(lengths):
        seen = set(part.kept[row][part.kept_real[row]].tolist())
        order = noise[row, :length].argsort().tolist()
        assert seen == set(order[: len(seen)]), "real tokens are kept by their noise"
        if among == "tokens":
            assert len(seen) == min(length, max(1, math.floor(length * (1 - ratio))))
        else:
            expected = set(noise[row].argsort()[:kept].tolist()) & set(range(length))
            assert seen == (expected or set(order[:1])), "one token at least is seen"
