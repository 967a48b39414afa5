"""Recurrent layers on sequences of different lengths: a position outside the mask changes nothing."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def run_packed(rnn: nn.GRU | nn.LSTM, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Run a `batch_first` layer on the inputs `[R, T, D]` where `mask [R, T]` is true, as if the others were not there.

    Returns:
        States `[R, T, H]`, what is there moved to the front in its order; where each came from, int64 `[R, T]`; and the
        number of those that are there, `[R]`. States behind them are undefined.
    """
    order = torch.argsort(~mask, dim=1, stable=True)
    lengths = mask.sum(1)
    front = inputs.gather(1, order.unsqueeze(-1).expand_as(inputs))
    # A sequence of nothing runs over one position, whose state nobody uses: packing knows no empty sequence.
    packed = pack_padded_sequence(front, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=mask.shape[1])
    return states, order, lengths


def positions_below(lengths: Tensor, count: int) -> Tensor:
    """Mask `[R, count]`: true at the first `lengths[r]` positions of row r."""
    return torch.arange(count, device=lengths.device) < lengths[:, None]
