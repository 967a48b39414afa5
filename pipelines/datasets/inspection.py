"""What of a dataset is there, missing or corrupt, found with the readers themselves before anything runs."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from mgc_models.regular_files import open_regular
from pipelines.datasets import fma, genius, msd, music4all
from pipelines.datasets.cards import load_card
from pipelines.datasets.common import DatasetError, Tables
from pipelines.datasets.files import Entry, files_by_track
from pipelines.datasets.lyrics_files import SUFFIXES

FOUND, MISSING, CORRUPT, FOREIGN = "found", "missing", "corrupt", "foreign"
PATHS_SHOWN = 5
# First bytes of the audio formats that are read; an MP3 starts with a tag or a frame.
AUDIO_MAGIC = (b"ID3", b"RIFF", b"fLaC", b"OggS")
AUDIO_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg")
MPEG_SYNC = 0xE0


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        status: found, missing, corrupt or foreign (there, and no part of the dataset).
        item: What was looked for.
        count: Files, rows or tracks.
        detail: What they are, in words.
        paths: Some of them.
        stops: Whether nothing can be done with the dataset as it is.
    """

    status: str
    item: str
    count: int
    detail: str
    paths: tuple[str, ...] = ()
    stops: bool = False


@dataclass(frozen=True)
class Files:
    """Files of one per track.

    Attributes:
        item: How the report names them.
        folder: Folder that the names of the entries are below.
        of_track: File of each track.
        others: Files that belong to no track.
        tracks: Ids of all tracks.
        expected: Ids of the tracks that should have a file.
        required: Whether the dataset is of no use without any.
    """

    item: str
    folder: Path
    of_track: Mapping[str, Entry]
    others: Collection[str]
    tracks: Collection[str]
    expected: Sequence[str]
    required: bool


def inspect_dataset(dataset: str, root: Path, lyrics: Path | None = None, *, quick: bool = False) -> list[Finding]:
    """Look at everything a dataset must and may hold.

    Args:
        dataset: One of `pipelines.datasets.cards.DATASETS`.
        root: Where its variable points.
        lyrics: Folder of a user's lyrics, for fma.
        quick: Look at names, headers and sizes only; rows and the first bytes of audio are not read.
    """
    findings = _presence(dataset, root)
    try:
        with TemporaryDirectory(prefix="mgc-check-") as workspace:
            layout = _locate(dataset, root, Path(workspace))
            if quick:
                return findings
            tables = READ[dataset](layout)
    except (DatasetError, OSError) as error:
        return [*findings, Finding(CORRUPT, dataset, 1, f"problem: {error}", stops=True)]
    findings += _rows(tables)
    for files in FILES[dataset](layout, tables):
        findings += _files(files)
    if lyrics is not None:
        findings += _files(_fma_lyrics(lyrics, tables))
    return findings


def _locate(dataset: str, root: Path, workspace: Path) -> Any:
    if dataset == genius.DATASET:
        return genius.locate(root, workspace)
    return {music4all.DATASET: music4all.locate, msd.DATASET: msd.locate, fma.DATASET: fma.locate}[dataset](root)


def _presence(dataset: str, root: Path) -> list[Finding]:
    """Every single file the dataset may hold: there or not."""
    findings = []
    for expected in load_card(dataset).layout:
        if any(mark in expected.path for mark in "<*") or expected.path.endswith(".mp3"):
            continue
        places = [folder / expected.path for folder in _folders(dataset, root)]
        path = root if root.is_file() else next((place for place in places if place.is_file()), None)
        if path:
            findings.append(Finding(FOUND, expected.path, 1, f"file of {path.stat().st_size:,} bytes", (str(path),)))
        else:
            need = "required" if expected.required else "optional"
            detail = f"{need} file ({expected.what})"
            findings.append(Finding(MISSING, expected.path, 1, detail, (str(places[0]),), expected.required))
    return findings


def _folders(dataset: str, root: Path) -> list[Path]:
    if dataset == msd.DATASET:
        return [root / folder for folder in msd.FOLDERS]
    nested = [root / "music4all", root / "music4all" / "music4all"] if dataset == music4all.DATASET else []
    return [root, *nested]


def _rows(tables: Tables) -> list[Finding]:
    findings = [Finding(FOUND, name, rows, "rows") for name, rows in tables.raw_rows.items()]
    findings.append(Finding(FOUND, "tracks", tables.tracks.height, "tracks that can be used"))
    reasons = Counter(tables.rejects["reason"].to_list())
    for reason, count in sorted(reasons.items()):
        rows = tables.rejects.filter(pl.col("reason") == reason).head(PATHS_SHOWN)
        places = tuple(
            f"{file}, line {line:,}" if line else f"{file}, {detail}"[:100]
            for file, line, detail in rows.select("source_file", "source_row", "detail").iter_rows()
        )
        findings.append(Finding(CORRUPT, reason, count, "rows on record in core.rejects", places))
    return findings


def _files(files: Files) -> list[Finding]:
    there = [track for track in files.expected if track in files.of_track]
    missing = [track for track in files.expected if track not in files.of_track]
    none = files.required and not there
    findings = [Finding(FOUND, files.item, len(there), f"of {len(files.expected):,} tracks have a file")]
    if missing:
        findings.append(
            Finding(MISSING, files.item, len(missing), "tracks without a file", tuple(missing[:PATHS_SHOWN]), none)
        )
    broken = [files.of_track[track].name for track in there if _is_corrupt(files.folder, files.of_track[track])]
    if broken:
        detail = "files that are empty, or no audio by their first bytes"
        findings.append(Finding(CORRUPT, files.item, len(broken), detail, tuple(broken[:PATHS_SHOWN])))
    known = set(files.tracks)
    foreign = [*(entry.name for track, entry in files.of_track.items() if track not in known), *files.others]
    foreign = [name for name in foreign if not name.startswith(".")]
    if foreign:
        findings.append(
            Finding(FOREIGN, files.item, len(foreign), "files that belong to no track", tuple(foreign[:PATHS_SHOWN]))
        )
    return findings


def _is_corrupt(folder: Path, entry: Entry) -> bool:
    if entry.bytes == 0:
        return True
    if not entry.name.lower().endswith(AUDIO_SUFFIXES):
        return False
    try:
        with open_regular(folder / entry.name) as file:
            head = file.read(4)
    except OSError:
        return True
    return not (head.startswith(AUDIO_MAGIC) or (head[:1] == b"\xff" and head[1:2] >= bytes([MPEG_SYNC])))


def _music4all_files(layout: music4all.Layout, tables: Tables) -> list[Files]:
    ids = tables.tracks["track_id"].to_list()
    audio, other_audio = files_by_track(layout.audio, AUDIO_SUFFIXES)
    lyrics, other_lyrics = files_by_track(layout.lyrics, SUFFIXES)
    return [
        Files("audios/<id>.mp3", layout.audio, audio, other_audio, ids, ids, required=True),
        Files("lyrics/<id>.txt", layout.lyrics, lyrics, other_lyrics, ids, ids, required=True),
    ]


def _msd_files(layout: msd.Layout, tables: Tables) -> list[Files]:
    details = tables.details if tables.details is not None else pl.DataFrame()
    audio, others = msd.audio_files(layout, details)
    ids = details["track_id"].to_list()
    return [Files("audio", layout.root, audio, others, ids, ids, required=False)]


def _fma_files(layout: fma.Layout, tables: Tables) -> list[Files]:
    audio, others = fma.audio_files(layout)
    ids = tables.tracks["track_id"].to_list()
    item = " + ".join(layout.audio) or "fma_medium"
    return [Files(item, layout.root, audio, others, ids, _expected(layout, tables), required=True)]


def _expected(layout: fma.Layout, tables: Tables) -> list[str]:
    return [] if tables.details is None else sorted(fma.promised_tracks(layout, tables.details))


def _fma_lyrics(folder: Path, tables: Tables) -> Files:
    files, others = files_by_track(folder, SUFFIXES)
    named = {fma.as_track_id(stem): entry for stem, entry in files.items()}
    ids = tables.tracks["track_id"].to_list()
    return Files("lyrics/<track_id>.txt", folder, named, others, ids, ids, required=False)


READ: Mapping[str, Callable[[Any], Tables]] = {
    music4all.DATASET: music4all.read,
    msd.DATASET: msd.read,
    genius.DATASET: genius.read,
    fma.DATASET: fma.read,
}
FILES: Mapping[str, Callable[[Any, Tables], Sequence[Files]]] = {
    music4all.DATASET: _music4all_files,
    msd.DATASET: _msd_files,
    genius.DATASET: lambda _layout, _tables: [],
    fma.DATASET: _fma_files,
}
