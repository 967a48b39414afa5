"""Long features of all tracks - spectrograms, word vectors - of which batches take pieces of one length."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mgc_models.data.features import FeatureView
from mgc_models.errors import DataError
from mgc_models.features.config import padding_value
from warehouse.shards.writer import FeatureSpec

_STAGING_FRAMES = 1 << 18
_DEVICE_SHARE = 0.6
_MEMORY_SHARE = 0.4
_READERS = 2
_AHEAD = 4


@dataclass(frozen=True, eq=False)
class FrameStore:
    """One long feature of all tracks.

    Attributes:
        stored: What the frames are, and where.
        lengths: Frames of each track, int64 [N], on the CPU.
        pieces: Gives frames of tracks, one batch for each slice: (rows [n] and first frames [n], on the CPU; frame
            count T; slices) -> float32 [b, T, width] each, on the device, with the padding behind the end of a track.
        resident: Whether all frames lie on the device; if not, they are read ahead from the mapped files.
    """

    stored: FeatureView
    lengths: Tensor
    pieces: Callable[[Tensor, Tensor, int, Sequence[slice]], Iterator[Tensor]]
    resident: bool

    @property
    def spec(self) -> FeatureSpec:
        """Specification of the frames."""
        return self.stored.spec

    @property
    def padding(self) -> float:
        """What stands behind the end of a track."""
        return padding_value(self.spec.settings)

    def statistics(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of every band over all frames of some tracks, [width] each.

        A band that never changes has deviation 1, so that it becomes zero.
        """
        count, total, squares = 0, np.zeros(self.spec.width), np.zeros(self.spec.width)
        for row in rows.tolist():
            frames = self.stored.read(row).astype(np.float64)
            count, total = count + len(frames), total + frames.sum(axis=0)
            squares += np.square(frames).sum(axis=0)
        mean = total / max(count, 1)
        deviation = np.sqrt(np.maximum(squares / max(count, 1) - np.square(mean), 0.0))
        return mean, np.where(deviation > 0, deviation, 1.0)


def frame_store(stored: FeatureView, device: torch.device, resident: bool | None = None) -> FrameStore:
    """Open a long feature; behind the end of a track stands what its settings say (`padding_value`).

    Args:
        stored: The feature, float16.
        device: Where pieces are wanted.
        resident: Whether to hold all frames on the device; None: if they fit.

    Raises:
        DataError: if it does not hold float16.
    """
    if stored.spec.dtype != "float16":
        raise DataError(f"feature {stored.spec.name}: expected float16 frames, found {stored.spec.dtype}")
    if resident is None:
        resident = int(stored.lengths.sum()) * stored.spec.width * 2 < _free_bytes(device)
    padding = padding_value(stored.spec.settings)
    pieces = (_resident_pieces if resident else _mapped_pieces)(stored, device, padding)
    return FrameStore(stored, torch.from_numpy(stored.lengths), pieces, resident)


def _free_bytes(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] * _DEVICE_SHARE
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _MEMORY_SHARE


def _resident_pieces(
    stored: FeatureView, device: torch.device, padding: float
) -> Callable[[Tensor, Tensor, int, Sequence[slice]], Iterator[Tensor]]:
    lengths = stored.lengths
    # One frame of padding behind the last track: what lies outside a clip is gathered from there.
    frames = torch.full((int(lengths.sum()) + 1, stored.spec.width), padding, dtype=torch.float16, device=device)
    _fill(frames, stored)
    firsts = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64))
    ends, outside = firsts + torch.from_numpy(lengths), len(frames) - 1

    def pieces(rows: Tensor, starts: Tensor, count: int, slices: Sequence[slice]) -> Iterator[Tensor]:
        begin = (firsts[rows] + starts).to(device)
        end = ends[rows].to(device)
        within = torch.arange(count, device=device)
        for chosen in slices:
            index = begin[chosen, None] + within
            index = torch.where(index < end[chosen, None], index, outside)
            yield frames[index].float()

    return pieces


def _fill(frames: Tensor, stored: FeatureView) -> None:
    """Copy all tracks through one staging buffer: few large transfers instead of one for each track."""
    longest = int(stored.lengths.max(initial=0))
    staging = np.empty((max(_STAGING_FRAMES, longest), stored.spec.width), dtype=np.float16)
    done = filled = 0
    for row, length in enumerate(stored.lengths.tolist()):
        if filled + length > len(staging):
            frames[done : done + filled] = torch.from_numpy(staging[:filled])
            done, filled = done + filled, 0
        if length:
            staging[filled : filled + length] = stored.read(row)
        filled += length
    frames[done : done + filled] = torch.from_numpy(staging[:filled])


def _mapped_pieces(
    stored: FeatureView, device: torch.device, padding: float
) -> Callable[[Tensor, Tensor, int, Sequence[slice]], Iterator[Tensor]]:
    pinned = device.type == "cuda"

    def pieces(rows: Tensor, starts: Tensor, count: int, slices: Sequence[slice]) -> Iterator[Tensor]:
        def read(chosen: slice) -> Tensor:
            batch = rows[chosen].tolist()
            shape = len(batch), count, stored.spec.width
            found = torch.full(shape, padding, dtype=torch.float16, pin_memory=pinned)
            for piece, row, start in zip(found.numpy(), batch, starts[chosen].tolist(), strict=True):
                taken = max(0, min(count, int(stored.lengths[row]) - start))
                if taken:
                    piece[:taken] = stored.read(row, start, taken)
            return found

        for found in _ahead(read, slices):
            yield found.to(device, non_blocking=True).float()

    return pieces


def _ahead(read: Callable[[slice], Tensor], slices: Iterable[slice]) -> Iterator[Tensor]:
    """Results in order, each computed before it is asked for, so that the device does not wait for the disk."""
    todo = iter(slices)
    with ThreadPoolExecutor(_READERS, "read-ahead") as pool:
        waiting = deque(pool.submit(read, chosen) for chosen in islice(todo, _AHEAD))
        try:
            while waiting:
                found = waiting.popleft().result()
                waiting.extend(pool.submit(read, chosen) for chosen in islice(todo, 1))
                yield found
        finally:
            for future in waiting:
                future.cancel()
