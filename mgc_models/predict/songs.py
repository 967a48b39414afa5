"""The songs to classify: which files belong together, and what they hold. Imports torch for spectrograms only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgc_models.errors import SongError
from mgc_models.features.audio.decoding import AudioError, decode
from mgc_models.features.config import MIN_DURATION_S
from mgc_models.features.lyrics.text import MOST_BYTES, clean_lyrics
from mgc_models.regular_files import read_within, why

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Song:
    """The files of a song; at least one is there."""

    audio: Path | None
    lyrics: Path | None

    @property
    def name(self) -> str:
        """The name of its audio file, else of its lyrics."""
        return str(self.audio or self.lyrics)

    @property
    def parts(self) -> frozenset[str]:
        """`audio`, `lyrics` or both."""
        return frozenset(part for part in ("audio", "lyrics") if getattr(self, part) is not None)


def pair_songs(audio: Sequence[Path], lyrics: Sequence[Path], lyrics_folder: Path | None) -> list[Song]:
    """Put audio and lyrics together, one by one in their order, or by name from a folder with `<stem>.txt`.

    Raises:
        ValueError: if the two do not go together.
    """
    if lyrics_folder is not None:
        if lyrics or not audio:
            raise ValueError("--lyrics-dir goes with audio files, and not with --lyrics")
        if not lyrics_folder.is_dir():
            raise ValueError(f"--lyrics-dir {lyrics_folder}: no such folder")
        texts = [lyrics_folder / f"{path.stem}.txt" for path in audio]
        return [Song(path, text if text.is_file() else None) for path, text in zip(audio, texts, strict=True)]
    if audio and lyrics and len(audio) != len(lyrics):
        raise ValueError(
            f"{len(audio)} audio files and {len(lyrics)} of lyrics: expected one of lyrics for each, in the same "
            "order, or --lyrics-dir with a <name>.txt for each <name>.mp3"
        )
    if not audio and not lyrics:
        raise ValueError("expected audio files, --lyrics, or both")
    count = max(len(audio), len(lyrics))
    return [Song(audio[place] if audio else None, lyrics[place] if lyrics else None) for place in range(count)]


def given_parts(songs: Iterable[Song]) -> frozenset[str]:
    """Give the parts that are there of any of the songs."""
    return frozenset(part for song in songs for part in song.parts)


def short_names(songs: Sequence[Song]) -> dict[Song, str]:
    """Names of the files without their folders, where that tells them apart."""
    names = {song: Path(song.name).name for song in songs}
    return names if len(set(names.values())) == len(names) else {song: song.name for song in songs}


def read_lyrics(path: Path) -> str:
    """Read lyrics, cleaned as those that the models were trained on.

    Raises:
        SongError: if the file is missing, no UTF-8 text, or holds no words.
    """
    try:
        text = read_within(path, MOST_BYTES).decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except OSError as error:
        raise SongError(f"{path}: {why(error)}") from error
    except UnicodeDecodeError as error:
        raise SongError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise SongError(f"{path}: holds NUL characters, as UTF-16 does; save it as UTF-8")
    if not text.strip():
        raise SongError(f"{path}: empty; leave lyrics out if the song has none")
    if not (sung := clean_lyrics(text).text):
        raise SongError(f"{path}: nothing in it is sung, only headers and the like; leave lyrics out if there are none")
    return sung


def read_spectrogram(path: Path, settings: Mapping[str, Any]) -> tuple[NDArray[np.float16], tuple[str, ...]]:
    """Decode a file and compute its spectrogram `[T, bands]`; what is unusual about it comes beside it.

    Raises:
        SongError: for audio that no dataset would have kept: unreadable, silent, or shorter than a second.
    """
    from mgc_models.features.audio.spectrograms import spectrograms  # noqa: PLC0415 - torch, which --list does not need

    try:
        decoded = decode(path)
        duration_s = decoded.samples.shape[1] / decoded.sample_rate_hz
        if duration_s < MIN_DURATION_S:
            raise SongError(f"{path}: {duration_s:.3f} s, at least {MIN_DURATION_S:g} s are needed")
        if decoded.peak == 0:
            raise SongError(f"{path}: {duration_s:.3f} s of silence")
        (frames,) = spectrograms(decoded, [settings])
    except AudioError as error:
        raise SongError(f"{path}: {error.detail}") from error
    except OSError as error:
        raise SongError(f"{path}: {why(error)}") from error
    notes = (f"ends after {duration_s:.1f} s, before its header says; what is there is used",)
    return frames, notes if decoded.truncated else ()
