"""Songs that are not classified, and why; what is missing is found before anything is loaded. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgc_models.predict.runs import FinishedRun
from mgc_models.predict.songs import Song
from mgc_models.regular_files import check_regular, why


@dataclass(frozen=True)
class Failure:
    """Why a song was not classified."""

    song: Song
    reason: str


def missing_files(songs: Sequence[Song], lyrics_folder: Path | None) -> dict[Song, Failure]:
    """The songs of which a file is not there.

    Args:
        songs: The songs.
        lyrics_folder: Where every song must have its lyrics; None: a song may do without.
    """
    reasons = {song: _missing(song, lyrics_folder) for song in songs}
    return {song: Failure(song, reason) for song, reason in reasons.items() if reason}


def _missing(song: Song, lyrics_folder: Path | None) -> str:
    files = [path for path in (song.audio, song.lyrics) if path is not None]
    for path in files:
        try:
            check_regular(path)
        except OSError as error:
            return f"{path}: {why(error)}"
    if song.audio is not None and song.lyrics is None and lyrics_folder is not None:
        return f"{song.name}: no lyrics in {lyrics_folder}: expected {song.audio.stem}.txt (see --missing-lyrics)"
    return ""


def failure_content(failure: Failure, run: FinishedRun | None) -> dict[str, Any]:
    """A failure as JSON values."""
    song = failure.song
    return {
        "audio": str(song.audio) if song.audio else None,
        "lyrics": str(song.lyrics) if song.lyrics else None,
        "run": run.run_id if run else None,
        "error": failure.reason,
    }
