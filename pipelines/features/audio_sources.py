"""The audio files of each dataset in one shape: the track of each file, and the tracks that should have one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.config import Settings
from pipelines.datasets import fma, ingest, msd, music4all
from pipelines.datasets.common import Reject
from pipelines.datasets.files import Entry, files_by_track
from pipelines.tables import read_frame
from warehouse.store import Store


@dataclass(frozen=True)
class AudioSource:
    """Audio of one dataset.

    Attributes:
        dataset: Its name.
        root: Folder that the names of `files` lie below.
        ids: Tracks that are audited: those that have a file or should have one, sorted.
        files: File of each track that has one.
        missing: Where the file of a track that has none was looked for.
        unmatched_files: Files that belong to no track, as rejects.
        known_issues: Clips known to be broken, track id -> reason.
    """

    dataset: str
    root: Path
    ids: tuple[str, ...]
    files: Mapping[str, Entry]
    missing: Callable[[str], str]
    unmatched_files: list[Reject]
    known_issues: Mapping[str, str] = field(default_factory=dict)


def audio_source(store: Store, settings: Settings, dataset: str) -> AudioSource:
    """Find the audio of a configured (or generated) dataset, whose tables were read before.

    Raises:
        DatasetError: if the dataset is not where it should be.
    """
    return SOURCES[dataset](store, ingest.locate(store, settings, dataset))


def music4all_source(store: Store, layout: music4all.Layout) -> AudioSource:
    """Audio of Music4All: every track should have a file in `audios`."""
    folder = music4all.AUDIO_FOLDER
    named, others = files_by_track(layout.audio, (".mp3", ".wav", ".flac", ".ogg"))
    files = {stem: Entry(f"{folder}/{file.name}", file.bytes, file.mtime_ns) for stem, file in named.items()}
    ids = sorted(read_frame(store, "core.tracks", music4all.DATASET)["track_id"])
    unmatched_files = _without_track(files, ids, "not_in_id_information")
    unmatched_files += _unexpected(f"{folder}/{name}" for name in others)
    return AudioSource(
        music4all.DATASET, layout.root, tuple(ids), files, lambda id_: f"{folder}/{id_}.mp3", unmatched_files
    )


def msd_source(store: Store, layout: msd.Layout) -> AudioSource:
    """Audio of the MSD, which is not part of it: tracks without a file are none of the audit's."""
    files, others = msd.audio_files(layout, read_frame(store, "core.msd_tracks"))
    return AudioSource(
        msd.DATASET, layout.root, tuple(sorted(files)), files, lambda id_: f"{id_}.mp3", _unexpected(others)
    )


def fma_source(store: Store, layout: fma.Layout) -> AudioSource:
    """Clips of FMA: the subset that its folders promise, and every other clip that is there."""
    details = read_frame(store, "core.fma_tracks")
    files, others = fma.audio_files(layout)
    ids = set(details["track_id"])
    audited = fma.promised_tracks(layout, details) | (files.keys() & ids)
    folder = layout.audio[0] if layout.audio else fma.AUDIO_FOLDERS[0]
    return AudioSource(
        fma.DATASET,
        layout.root,
        tuple(sorted(audited)),
        files,
        lambda id_: f"{folder}/{int(id_):06}"[: len(folder) + 4] + f"/{int(id_):06}.mp3",
        _without_track(files, ids, "not_in_tracks_csv") + _unexpected(others),
        dict(details.drop_nulls("known_issue").select("track_id", "known_issue").iter_rows()),
    )


SOURCES: Mapping[str, Callable[[Store, Any], AudioSource]] = {
    music4all.DATASET: music4all_source,
    msd.DATASET: msd_source,
    fma.DATASET: fma_source,
}


def _without_track(files: Mapping[str, Entry], ids: Iterable[str], reason: str) -> list[Reject]:
    known = set(ids)
    return [
        Reject(reason, stem, file.name, None, "no track has this id")
        for stem, file in files.items()
        if stem not in known
    ]


def _unexpected(names: Iterable[str]) -> list[Reject]:
    """Files that are no track's audio; hidden files are none of the dataset's."""
    detail = "another ending, or a second file of a track"
    return [
        Reject("unexpected_file", None, name, None, detail)
        for name in names
        if not name.rpartition("/")[2].startswith(".")
    ]
