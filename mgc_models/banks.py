"""Features of all tracks of a corpus, ready for the device: spectrograms to crop from, tokens to look up."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mgc_models.errors import DataError
from mgc_models.features.tokens import SpecialIds, load_tokenizer, special_ids
from warehouse.shards import FeatureReader, FeatureSpec

TOKENIZER_FILE = "tokenizer.json"
_MEND = "Delete the feature's folder and run the job again from its data part."
_STAGING_FRAMES = 1 << 18
_DEVICE_SHARE = 0.6
_MEMORY_SHARE = 0.4


@dataclass(frozen=True)
class AudioBank:
    """Spectrograms of all tracks.

    Attributes:
        spec: What the frames are.
        lengths: Frames of each track, on the device, int64 [N].
        fetch: Gives raw frames: (rows [B], first frames [B], frame count T) -> float32 [B, T, bands] on the device,
            with zeros behind the end of a track.
        resident: Whether all frames lie on the device; if not, each crop is read from the mapped files.
    """

    spec: FeatureSpec
    lengths: Tensor
    fetch: Callable[[Tensor, Tensor, int], Tensor]
    resident: bool


@dataclass(frozen=True)
class TokenBank:
    """Token ids of all tracks.

    Attributes:
        spec: What the tokens are.
        vocab_size: Of the tokenizer that made them.
        ids: [CLS] ids [SEP], then padding; on the device, int32 [N, L].
        lengths: Tokens before the padding, int64 [N].
    """

    spec: FeatureSpec
    vocab_size: int
    ids: Tensor
    lengths: Tensor

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids int64 [B, L] and their mask [B, L] (True: a token, False: padding) of some tracks."""
        positions = torch.arange(self.ids.shape[1], device=self.ids.device)
        return self.ids[rows].long(), positions < self.lengths[rows, None]


def audio_bank(
    reader: FeatureReader, track_ids: Sequence[str], device: torch.device, resident: bool | None = None
) -> AudioBank:
    """Open the spectrograms of some tracks, in their order.

    Args:
        reader: The stored feature, float16.
        track_ids: Row k of the bank is the k-th of these.
        device: Where crops are wanted.
        resident: Whether to hold all frames on the device; None: if they fit.

    Raises:
        DataError: if the feature lacks a track or is no spectrogram.
    """
    if reader.spec.dtype != "float16":
        raise DataError(f"feature {reader.spec.name}: expected float16 frames, found {reader.spec.dtype}")
    lengths = _lengths(reader, track_ids)
    if resident is None:
        resident = int(lengths.sum()) * reader.spec.width * 2 < _free_bytes(device)
    fetch = (_resident_fetch if resident else _mapped_fetch)(reader, track_ids, lengths, device)
    return AudioBank(reader.spec, torch.from_numpy(lengths).to(device), fetch, resident)


def token_bank(reader: FeatureReader, track_ids: Sequence[str], max_tokens: int, device: torch.device) -> TokenBank:
    """Read the tokens of some tracks, in their order, as [CLS] + the first `max_tokens` - 2 ids + [SEP] + padding.

    Raises:
        DataError: if the feature lacks a track, or does not go with the tokenizer beside it.
        TokenizerError: if that tokenizer is missing or cannot be read.
    """
    special, vocab_size = _vocabulary(reader)
    lengths = np.minimum(_lengths(reader, track_ids), max_tokens - 2)
    ids = np.full((len(track_ids), max_tokens), special.pad, dtype=np.int32)
    ids[:, 0] = special.cls
    for row, (track_id, length) in enumerate(zip(track_ids, lengths.tolist(), strict=True)):
        ids[row, 1 : length + 1] = reader.read(track_id, 0, length).reshape(-1)
        ids[row, length + 1] = special.sep
    if ids.size and (ids.min() < 0 or ids.max() >= vocab_size):
        raise DataError(
            f"feature {reader.spec.name}: expected ids from 0 to {vocab_size - 1}, found {ids.min()} to {ids.max()}. "
            + _MEND
        )
    return TokenBank(
        spec=reader.spec,
        vocab_size=vocab_size,
        ids=torch.from_numpy(ids).to(device),
        lengths=torch.from_numpy(lengths + 2).to(device),
    )


def _vocabulary(reader: FeatureReader) -> tuple[SpecialIds, int]:
    """Special ids and size of the vocabulary that the tokens were made with."""
    spec, path = reader.spec, reader.folder / TOKENIZER_FILE
    if spec.dtype != "int32" or spec.width != 1:
        raise DataError(f"feature {spec.name}: expected int32 of width 1, found {spec.dtype} of width {spec.width}")
    tokenizer = load_tokenizer(path)
    expected, found = spec.settings.get("tokenizer_sha256"), hashlib.sha256(path.read_bytes()).hexdigest()
    if expected != found:
        raise DataError(
            f"{path}: expected the tokenizer of the stored tokens, SHA-256 {expected}, found {found}. {_MEND}"
        )
    return special_ids(tokenizer), tokenizer.get_vocab_size()


def _lengths(reader: FeatureReader, track_ids: Sequence[str]) -> np.ndarray:
    by_id = dict(zip(reader.track_ids, np.asarray(reader.lengths).tolist(), strict=True))
    if missing := [track_id for track_id in track_ids if track_id not in by_id]:
        raise DataError(
            f"feature {reader.spec.name}: expected {len(track_ids)} tracks, {len(missing)} are missing, the first is "
            f"{missing[0]!r}. Materialise the feature's asset again."
        )
    return np.array([by_id[track_id] for track_id in track_ids], dtype=np.int64)


def _free_bytes(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] * _DEVICE_SHARE
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * _MEMORY_SHARE


def _resident_fetch(
    reader: FeatureReader, track_ids: Sequence[str], lengths: np.ndarray, device: torch.device
) -> Callable[[Tensor, Tensor, int], Tensor]:
    # One frame of zeros behind the last track: what lies outside a clip is gathered from there.
    frames = torch.zeros(int(lengths.sum()) + 1, reader.spec.width, dtype=torch.float16, device=device)
    _fill(frames, reader, track_ids, lengths)
    firsts = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)).to(device)
    on_device, silence = torch.from_numpy(lengths).to(device), len(frames) - 1

    def fetch(rows: Tensor, starts: Tensor, count: int) -> Tensor:
        within = starts[:, None] + torch.arange(count, device=device)
        index = torch.where(within < on_device[rows, None], firsts[rows, None] + within, silence)
        return frames[index].float()

    return fetch


def _fill(frames: Tensor, reader: FeatureReader, track_ids: Sequence[str], lengths: np.ndarray) -> None:
    """Copy all tracks through one staging buffer: few large transfers instead of one for each track."""
    staging = np.empty((max(_STAGING_FRAMES, int(lengths.max(initial=0))), reader.spec.width), dtype=np.float16)
    done = filled = 0
    for track_id, length in zip(track_ids, lengths.tolist(), strict=True):
        if filled + length > len(staging):
            frames[done : done + filled] = torch.from_numpy(staging[:filled])
            done, filled = done + filled, 0
        staging[filled : filled + length] = reader.read(track_id)
        filled += length
    frames[done : done + filled] = torch.from_numpy(staging[:filled])


def _mapped_fetch(
    reader: FeatureReader, track_ids: Sequence[str], lengths: np.ndarray, device: torch.device
) -> Callable[[Tensor, Tensor, int], Tensor]:
    def fetch(rows: Tensor, starts: Tensor, count: int) -> Tensor:
        crops = np.zeros((len(rows), count, reader.spec.width), dtype=np.float16)
        for crop, row, start in zip(crops, rows.tolist(), starts.tolist(), strict=True):
            taken = max(0, min(count, int(lengths[row]) - start))
            crop[:taken] = reader.read(track_ids[row], start, taken)
        return torch.from_numpy(crops).to(device).float()

    return fetch
