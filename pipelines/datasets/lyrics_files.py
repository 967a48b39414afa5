"""Lyrics files: one text per track, decoded, checked and cleaned."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mgc_models.features.lyrics.text import MOST_BYTES, clean_lyrics
from mgc_models.regular_files import read_within, why
from pipelines.datasets.common import Reject

SUFFIXES = (".txt",)
BYTE_ORDER_MARK = "\ufeff"


class LyricsTask(NamedTuple):
    """A chunk of lyrics files to read: the folder, its name below the dataset, and (track_id, file name or None)."""

    folder: Path
    name: str
    files: Sequence[tuple[str, str | None]]


class LyricsRow(NamedTuple):
    """A row of core.lyrics without its dataset."""

    track_id: str
    lyrics_status: str
    encoding: str | None = None
    lyrics_sha256: str | None = None
    words_before: int = 0
    words_after: int = 0
    lines_before: int = 0
    lines_after: int = 0
    lyrics: str | None = None


def read_lyrics(task: LyricsTask) -> tuple[list[LyricsRow], list[Reject]]:
    """Read the files of a task; every track keeps its row with a status, every problem is recorded in core.rejects."""
    rows, rejects = [], []
    for track_id, name in task.files:
        row, reject = _read(task, track_id, name)
        rows.append(row)
        rejects += [reject] if reject else []
    return rows, rejects


def _read(task: LyricsTask, track_id: str, name: str | None) -> tuple[LyricsRow, Reject | None]:
    where = f"{task.name}/{name or track_id + SUFFIXES[0]}"
    if name is None:
        return LyricsRow(track_id, "missing"), Reject("lyrics_missing", track_id, where, None, "no such file")
    try:
        content = read_within(task.folder / name, MOST_BYTES)
    except OSError as error:
        detail = why(error)
        return LyricsRow(track_id, "undecodable"), Reject("lyrics_undecodable", track_id, where, None, detail)
    sha256 = hashlib.sha256(content).hexdigest()
    text, encoding = _decode(content)
    if "\0" in text:
        detail = "holds NUL characters, so it is no UTF-8 or Latin-1 text; UTF-16 looks like this"
        row = LyricsRow(track_id, "undecodable", lyrics_sha256=sha256)
        return row, Reject("lyrics_undecodable", track_id, where, None, detail)
    row = cleaned_row(track_id, text, encoding, sha256)
    if row.lyrics is None:
        detail = f"{len(content)} bytes, nothing but {'annotations' if text.strip() else 'white space'}"
        return row, Reject("lyrics_empty", track_id, where, None, detail)
    if encoding == "utf-8":
        return row, None
    return row, Reject("decoded_as_latin_1", track_id, where, None, "the file is not UTF-8 and was read as Latin-1")


def cleaned_row(track_id: str, text: str, encoding: str, sha256: str) -> LyricsRow:
    """The row of cleaned lyrics, with their sizes before and after; `empty` where cleaning leaves no text."""
    if len(text.encode()) > MOST_BYTES:
        return LyricsRow(track_id, "undecodable", encoding, sha256)
    clean = clean_lyrics(text)
    if not clean.text:
        return LyricsRow(track_id, "empty", encoding, sha256)
    return LyricsRow(
        track_id, "ok", encoding, sha256,
        clean.words_before, clean.words_after, clean.lines_before, clean.lines_after, clean.text,
    )  # fmt: skip


def _decode(content: bytes) -> tuple[str, str]:
    try:
        return content.decode("utf-8").removeprefix(BYTE_ORDER_MARK), "utf-8"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1"
