"""Whether locks on the store's file system reach other hosts, from the options that it was mounted with."""

import re
from collections.abc import Iterable
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# Options by which locks are kept on the host that asks for them, by the type of file system.
LOCAL = {
    "nfs": {"nolock", "local_lock=all", "local_lock=flock"},
    "nfs4": {"local_lock=all", "local_lock=flock"},
    "lustre": {"localflock"},
}


def local_locks(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """Say that locks below `folder` are seen on this host alone, if its mount says so; None where nothing says it."""
    if not mounts.is_file():
        return None
    place, kind, options = mount_of(folder, mounts.read_text().splitlines())
    found = LOCAL.get(kind, set()) & set(options)
    if not found:
        return None
    return (
        f"{place} ({kind}) is mounted with {', '.join(sorted(found))}: its locks are seen on this host alone, and a "
        f"second host would train the same runs beside it. Use {folder} from one host at a time, or mount it otherwise."
    )


def mount_of(folder: Path, lines: Iterable[str]) -> tuple[str, str, list[str]]:
    """Place, type and options of the mount that a folder lies on, from lines of `/proc/self/mounts`."""
    best: tuple[str, str, list[str]] = ("", "", [])
    for line in lines:
        _, place, kind, options, *_ = line.split(" ")
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place)
        if folder.is_relative_to(place) and len(place) >= len(best[0]):
            best = place, kind, options.split(",")
    return best
