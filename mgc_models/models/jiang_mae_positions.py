"""Fixed 2-D sine-cosine positions, as CAV-MAE computes them (`pos_embed.py`), looked up instead of stored per grid."""

import torch
from torch import Tensor

MAX_POSITIONS = 1024  # patches along time, or tokens: 164 s of audio


def sine_table(channels: int, length: int = MAX_POSITIONS) -> Tensor:
    """Encodings of the whole numbers below `length`: first the sines, then the cosines, `[length, channels]`.

    Args:
        channels: Even; frequency k of `channels / 2` is 10000 to the power of -2k / channels.
        length: How many.
    """
    half = channels // 2
    frequencies = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    return torch.cat((angles.sin(), angles.cos()), dim=1).float()


def grid_positions(table: Tensor, slots: Tensor, columns: int) -> Tensor:
    """Positions of cells of a grid: half of the channels from the column (time), half from the row (frequency).

    Any grid is a pair of look-ups in one table, so a new length needs nothing recomputed. Lyrics are a grid of one row.

    Args:
        table: Of `sine_table(hidden / 2)`.
        slots: Numbers of the cells, row by row, int64 `[...]`.
        columns: Of the grid; at most the table's length.

    Returns:
        `[..., hidden]`.
    """
    return torch.cat((table[slots % columns], table[slots // columns]), dim=-1)
