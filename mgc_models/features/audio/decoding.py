"""Audio files to waveforms: decoding, mixing to mono, resampling. The only module that needs soundfile and soxr."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from mgc_models.errors import AudioError
from mgc_models.regular_files import NotAFileError, check_regular

__all__ = ["AudioError", "Decoded", "decode", "resample", "to_mono", "waveform"]

# Small blocks, because an error inside a block costs the whole block; large enough that Python is not felt.
_BLOCK_FRAMES = 16_384
_UNKNOWN_FRAMES = 2**63 - 1
# Encoder delay and padding make the two counts of a whole file differ by about a thousandth.
_WHOLE_SHARE = 0.99
_MP3_LENGTH_TAGS = (b"Xing", b"Info", b"VBRI")
_OGG_PAGE_LIMIT_BYTES = 65_307
_OGG_LAST_PAGE_FLAG = 4
_STDERR = 2  # of the process: a decoder written in C does not know sys.stderr
_MOST_NOTES = 3
_MOST_PEAK = 2.0**31  # samples of 32 bits stored as floats without a scale; a spectrogram of more overflows
_MOST_SECONDS = 1800  # half an hour
_MOST_SAMPLES = 2 * 48_000 * _MOST_SECONDS  # stereo


@dataclass(frozen=True)
class Decoded:
    """A decoded audio file.

    Attributes:
        samples: float32 `[channels, N]`, full scale = 1; a view of interleaved samples.
        sample_rate_hz: Of the file.
        truncated: The file ends before what its header promises (MP3, FLAC, WAV), or without its last page (Ogg).
        peak: Largest absolute sample value.
        notes: What the decoder itself had to say of the file.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int
    truncated: bool
    peak: float
    notes: str = ""


def decode(path: Path) -> Decoded:
    """Decode a whole file; of a truncated one, what is there. Nothing is ever replaced by zeros.

    Raises:
        AudioError: missing, unreadable (not audio, or no permission), empty (no samples), not_finite (NaN or infinity).
    """
    notes: list[str] = []
    try:
        with _decoder_notes(notes):
            decoded = _decode(Path(path))
    except AudioError as error:
        raise AudioError(error.reason, "; ".join([error.detail, *notes])) from error.__cause__
    return replace(decoded, notes="; ".join(notes))


@contextmanager
def _decoder_notes(notes: list[str]) -> Iterator[None]:
    """Collect what libmpg123 writes to the standard error of the process, each different line once."""
    with TemporaryFile() as file:
        sys.stderr.flush()
        real = os.dup(_STDERR)
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(real, _STDERR)
            os.close(real)
            file.seek(0)
            lines = file.read().decode(errors="replace").splitlines()
            notes += list(dict.fromkeys(line.strip() for line in lines if line.strip()))[:_MOST_NOTES]


def _decode(path: Path) -> Decoded:
    try:
        size_bytes = check_regular(path)
    except FileNotFoundError as error:
        raise AudioError("missing", "no such file") from error
    except NotAFileError as error:
        raise AudioError("unreadable", str(error.strerror)) from error
    if size_bytes == 0:
        raise AudioError("empty", "0 bytes")
    try:
        with soundfile.SoundFile(path) as file:
            _check_length(file)
            samples, complete = _read(file)
            truncated = not complete or samples.shape[1] < _WHOLE_SHARE * _promised_frames(file, path)
            truncated = truncated or (file.format == "OGG" and not _ogg_ends(path))
            return Decoded(samples, file.samplerate, truncated, _checked_peak(samples, size_bytes))
    except soundfile.SoundFileError as error:
        raise AudioError("unreadable", f"{size_bytes} bytes that are no audio libsndfile can open") from error
    except MemoryError as error:
        raise AudioError("unreadable", f"{size_bytes} bytes whose header promises more than memory holds") from error


def _read(file: soundfile.SoundFile) -> tuple[NDArray[np.float32], bool]:
    """Samples `[channels, N]`, and whether they end without a decoding error."""
    if file.format == "FLAC":
        return _read_blocks(file)
    # In one piece: soundfile seeks after each read, which makes an MP3 decoder lose what overlaps into the next frame.
    return file.read(dtype="float32", always_2d=True).T, True


def _check_length(file: soundfile.SoundFile) -> None:
    """Refuse what would take more memory than any clip needs; the header says how long it is."""
    if file.frames == _UNKNOWN_FRAMES:
        raise AudioError("unreadable", f"the {file.format} header does not say how long the audio is")
    duration_s = file.frames / file.samplerate
    if duration_s > _MOST_SECONDS or file.frames * file.channels > _MOST_SAMPLES:
        what = f"{duration_s:,.0f} s of {file.channels} channels at {file.samplerate} Hz"
        raise AudioError(
            "unreadable", f"{what}; at most {_MOST_SECONDS:,} s are decoded, {_MOST_SAMPLES:,} samples in all"
        )


def _read_blocks(file: soundfile.SoundFile) -> tuple[NDArray[np.float32], bool]:
    """Read up to the first decoding error; libsndfile gives nothing at all of a damaged FLAC read in one piece."""
    blocks = [np.empty((0, file.channels), np.float32)]
    complete = True
    try:
        while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
            blocks.append(block)
    except soundfile.SoundFileError:
        complete = False
    return np.concatenate(blocks).T, complete


def _checked_peak(samples: NDArray[np.float32], size_bytes: int) -> float:
    """Largest absolute value of samples that are all finite; the maximum of any NaN is NaN."""
    if samples.shape[1] == 0:
        raise AudioError("empty", f"{size_bytes} bytes without a single sample")
    peak = max(float(samples.max()), -float(samples.min()))
    if not np.isfinite(peak):
        raise AudioError("not_finite", f"{int((~np.isfinite(samples)).sum())} samples are NaN or infinite")
    if peak > _MOST_PEAK:
        raise AudioError(
            "unreadable", f"samples of up to {peak:.3g} times full scale; no audio has more than {_MOST_PEAK:g}"
        )
    return peak


def _promised_frames(file: soundfile.SoundFile, path: Path) -> float:
    """Frames per channel that the header promises; 0 where it promises nothing."""
    if file.format == "MP3" and not _mp3_tells_length(path):
        return 0  # libsndfile then extrapolates from the first bit rate
    # Of a short WAV, libsndfile says what was promised only in its log. Writers into a pipe leave the largest number.
    short = re.search(r"^data : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if short and int(short[2]) and int(short[1]) < 0x7FFF0000:
        return file.frames * int(short[1]) / int(short[2])
    return file.frames


def _mp3_tells_length(path: Path) -> bool:
    """Whether the first frame, after any ID3v2 tag, is one that holds the number of frames."""
    with path.open("rb") as file:
        start = file.read(10)
        # ID3v2.4, section 3.1: the size is four bytes of seven bits each
        tag_bytes = sum(byte << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=False))
        file.seek(10 + tag_bytes if start.startswith(b"ID3") else 0)
        frame = file.read(2048)
    return any(tag in frame for tag in _MP3_LENGTH_TAGS)


def _ogg_ends(path: Path) -> bool:
    """Whether the last Ogg page carries the end-of-stream flag (RFC 3533, section 6)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * _OGG_PAGE_LIMIT_BYTES))
        tail = file.read()
    start = tail.rfind(b"OggS")
    return start >= 0 and len(tail) > start + 5 and bool(tail[start + 5] & _OGG_LAST_PAGE_FLAG)


def to_mono(samples: NDArray[np.float32], mode: str = "mean") -> NDArray[np.float32]:
    """Mix `[channels, N]` to `[N]`.

    Args:
        samples: float32 `[channels, N]`.
        mode: `mean` of the channels, or the `first` one (what the released CAV-MAE code takes).

    Raises:
        ValueError: for another mode.
    """
    if mode == "mean":
        total = samples[0] + samples[1] if len(samples) > 1 else samples[0].copy()
        for channel in samples[2:]:
            total += channel
        total /= np.float32(len(samples))  # the bits of NumPy's mean, which takes twice as long
        return total
    if mode == "first":
        return samples[0]
    raise ValueError(f"mono = {mode!r}: expected 'mean' or 'first'")


def resample(samples: NDArray[np.float32], from_hz: int, to_hz: int) -> NDArray[np.float32]:
    """Resample `[N]` or `[channels, N]` by soxr at its quality HQ (`soxr_hq` in feature settings)."""
    if from_hz == to_hz:
        return samples
    return np.ascontiguousarray(soxr.resample(samples.T, from_hz, to_hz, quality="HQ").T)


def waveform(decoded: Decoded, settings: Mapping[str, Any]) -> NDArray[np.float32]:
    """Waveform float32 `[N]` at the rate and with the mono mix that feature settings (`FBANK_16K`) name.

    Raises:
        ValueError: if the settings name a resampler other than soxr_hq.
    """
    if settings["resampler"] != "soxr_hq":
        raise ValueError(f"resampler = {settings['resampler']!r}: expected 'soxr_hq'")
    mono = to_mono(decoded.samples, settings["mono"])
    return resample(mono, decoded.sample_rate_hz, settings["sample_rate_hz"])
