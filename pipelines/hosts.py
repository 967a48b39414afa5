"""Which process on which host a run belongs to, so that only who can know says that it is gone."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path

HOST, BOOT, NAMESPACE, PROCESS = "mgc/host", "mgc/boot", "mgc/pid_namespace", "mgc/process"


def process_tags() -> dict[str, str]:
    """Host, its present boot, the namespace that process numbers belong to, and this process in it."""
    return {HOST: _host(), BOOT: _boot(), NAMESPACE: _namespace(), PROCESS: _process(os.getpid())}


def is_gone(tags: Mapping[str, str]) -> bool | None:
    """Whether the process that wrote these tags has ended; None where it cannot be known here.

    A process number means something within one boot and one namespace (of a container) alone. No process of an earlier
    boot of this host lives on.
    """
    if tags.get(HOST) != _host():
        return None
    if tags.get(BOOT) != _boot():
        return True
    if tags.get(NAMESPACE) != _namespace():
        return None
    number = tags.get(PROCESS, "").partition("@")[0]
    return _process(int(number)) != tags[PROCESS] if number.isdecimal() else None


def _host() -> str:
    """Name and machine id: hosts of a cluster may share a name, and copies of an image an id."""
    return f"{platform.node()} {_first_line('/etc/machine-id')}".strip()


def _boot() -> str:
    return _first_line("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _process(number: int) -> str:
    """`number@start` in ticks since boot; `number@` where it lives but cannot be timed, and empty where it is gone."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    fields = _first_line(f"/proc/{number}/stat").rpartition(")")[2].split()
    if fields[:1] == ["Z"]:  # dead, only not yet waited for
        return ""
    return f"{number}@{fields[19] if fields else ''}"


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().partition("\n")[0]
    except OSError:
        return ""
