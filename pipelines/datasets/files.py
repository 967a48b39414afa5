"""Folders of one file per track: what is there, and whether it changed."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.datasets.common import as_text

NAMES_LISTED = 10


@dataclass(frozen=True)
class Entry:
    """A file of a folder: its name (which need not be UTF-8: see `as_text`), size and time of last change."""

    name: str
    bytes: int
    mtime_ns: int


def entry(path: Path) -> Entry:
    """Describe one file."""
    status = path.stat()
    return Entry(path.name, status.st_size, status.st_mtime_ns)


def listing(folder: Path) -> str:
    """What a folder holds, in words for a message."""
    if not folder.is_dir():
        return "no such folder"
    names = sorted(as_text(path.name) for path in folder.iterdir())
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return ", ".join(names[:NAMES_LISTED]) + more or "nothing"


def files_by_track(folder: Path, suffixes: Collection[str]) -> tuple[dict[str, Entry], list[str]]:
    """List a folder once.

    Args:
        folder: Where the files are.
        suffixes: Accepted endings, best first, lower case.

    Returns:
        The file of each stem, and the names that are none: hidden files, other endings, a second file of a stem.
        Folders are listed as files of their name, so that reading them fails and is recorded.
    """
    order = {suffix: place for place, suffix in enumerate(suffixes)}
    found: dict[str, Entry] = {}
    others: list[str] = []
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda item: (order.get(Path(item.name).suffix.lower(), len(order)), item.name))
    for item in entries:
        path = Path(item.name)
        if path.suffix.lower() not in order or path.stem in found:
            others.append(item.name)
            continue
        found[path.stem] = Entry(item.name, *_size_and_change(item))
    return found, others


def fingerprint(files: Mapping[str, Entry]) -> list[tuple[str, int, int]]:
    """Names, sizes and times of change, sorted: what tells an unchanged folder from a changed one."""
    return sorted((file.name, file.bytes, file.mtime_ns) for file in files.values())


def files_below(root: Path, suffixes: Collection[str]) -> Iterator[tuple[str, Entry]]:
    """Every file below `root` with one of the suffixes (lower case), as (stem, entry); folders and files sorted.

    The name of the entry is the path below `root`, with forward slashes. Links to folders are not followed.
    """
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for name in sorted(names):
            stem, dot, ending = name.rpartition(".")
            if dot + ending.lower() in suffixes and not name.startswith("."):
                path = Path(folder, name)
                below = path.relative_to(root).as_posix()
                yield stem, Entry(below, *_size_and_change(path))


def _size_and_change(item: Path | os.DirEntry[str]) -> tuple[int, int]:
    """Size and time of change; a link that leads nowhere has size 0 and is found unreadable later."""
    try:
        status = item.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
