"""The folder of one run: whether it is finished, whose turn it is, and its small files."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgc_models.errors import StoppedError
from warehouse.locks import locked
from warehouse.store import replacing

if TYPE_CHECKING:  # needs torch, which takes seconds to load
    from mgc_models.execution.distributed import Group

RESULT = "result.json"
RESUME = "resume.pt"


def is_finished(folder: Path) -> bool:
    """Whether the run's result is there; it is written last."""
    return (folder / RESULT).exists()


@contextmanager
def only_one(folder: Path, log: Logger, stop: Callable[[], str | None], group: "Group | None" = None) -> Iterator[None]:
    """Let one process, or group, at a time work on a run; the kernel ends its turn even if it is killed.

    On entry what a killed process left half-written is removed; after the block the resume state too, if the run is
    finished.

    Raises:
        StoppedError: if `stop` gave a reason while waiting.
    """
    if group is not None and not group.first:
        group.from_first(None)
        yield
        return

    def still_wanted() -> None:
        if reason := stop():
            raise StoppedError(f"run {folder.name}: stopped waiting because {reason}")

    busy = f"run {folder.name}: another process works on it; waiting for its end"
    with locked(folder / "lock", log.info, busy, still_wanted):
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink()
        if group is not None:
            group.from_first(None)
        yield
        if is_finished(folder):
            (folder / RESUME).unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write canonical JSON: sorted keys, one form for equal content."""
    text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
