"""Bytes of one song's two files, sound ones and planted broken ones."""

import io

import numpy as np
import soundfile

from pipelines.sample.audio import waveform
from pipelines.sample.lyrics import lyrics_text
from pipelines.sample.planting import planted
from pipelines.sample.songs import Song

SHORT_DURATION_S = 0.3
RANDOM_BYTES = 4000
WHITESPACE = b" \n\t\n   \n"


def audio_bytes(song: Song, duration_s: float | None = None) -> bytes | None:
    """Content of the song's MP3 file, or None where the file is to be missing; `duration_s`: Music4All's if None."""
    match song.audio_file:
        case "missing":
            return None
        case "zero-bytes":
            return b""
        case "random-bytes":
            return np.random.default_rng(song.audio_seed).bytes(RANDOM_BYTES)
    full_s = duration_s or planted("planting")["audio"]["duration_s"]
    length_s = SHORT_DURATION_S if song.audio_file == "short" else full_s
    samples = waveform(song.audio_seed, song.sound_tells, length_s, song.rate_hz, song.channels)
    if song.audio_file == "silent":
        samples[:] = 0
    content = _mp3(samples, song.rate_hz)
    return content[: len(content) // 2] if song.audio_file == "truncated" else content


def lyrics_bytes(song: Song) -> bytes | None:
    """Content of the song's lyrics file, or None where the file is to be missing."""
    match song.lyrics_file:
        case "missing":
            return None
        case "empty":
            return b""
        case "whitespace":
            return WHITESPACE
        case "bom-crlf":
            return lyrics_text(song).replace("\n", "\r\n").encode("utf-8-sig")
    return lyrics_text(song).encode(song.lyrics_file)


def _mp3(samples: np.ndarray, rate_hz: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format="MP3", subtype="MPEG_LAYER_III")
    return buffer.getvalue()
