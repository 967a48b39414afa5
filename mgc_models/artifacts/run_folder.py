"""The folder of one run: whether it is finished, whose turn it is, and its small files."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgc_models.errors import RunError, StoppedError
from warehouse.locks import locked
from warehouse.store import file_sha256, replacing

if TYPE_CHECKING:  # needs torch, which takes seconds to load
    from mgc_models.execution.distributed import Group

RESULT = "result.json"
RESUME = "resume.pt"
WEIGHTS = "model.safetensors"
TIMING = "timing.json"
SPEC = "spec.json"
PREDICTIONS = "predictions.parquet"
SUMS = "SHA256SUMS"
CHECKED = (WEIGHTS, PREDICTIONS, SPEC, TIMING, "tokenizer.json", "vocabulary.parquet")  # and the result
_SUM = re.compile(r"([0-9a-f]{64})  (\S+)")


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
    with replacing(path) as temporary:
        temporary.write_text(_canonical(content), encoding="utf-8")


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_result(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the result of a run, which so is finished; before it the SHA-256 of every file that it leaves.

    `SHA256SUMS` is what `sha256sum --check` reads.
    """
    text = _canonical(content).encode()
    sums = {path.name: file_sha256(path) for name in CHECKED if (path := folder / name).is_file()}
    sums[RESULT] = hashlib.sha256(text).hexdigest()
    with replacing(folder / SUMS) as temporary:
        temporary.write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)), encoding="utf-8")
    with replacing(folder / RESULT) as temporary:
        temporary.write_bytes(text)


def recorded_sha256(folder: Path, name: str) -> str | None:
    """Give the SHA-256 of a file as the run left it; None where it was not recorded, as by earlier versions.

    Raises:
        RunError: if the record is damaged.
    """
    path = folder / SUMS
    if not path.exists():
        return None
    try:
        lines = path.read_bytes().decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    found = [match.groups() for line in lines if (match := _SUM.fullmatch(line))]
    if not found or len(found) < len(lines):
        raise RunError(f"{path} is damaged: expected lines as `sha256sum` writes them. {_remedy(folder)}")
    return next((sha256 for sha256, other in found if other == name), None)


def require_whole(folder: Path, name: str) -> None:
    """Refuse a file of a finished run whose bytes are not those that the run left.

    Raises:
        RunError: naming the file and the remedy.
    """
    expected = recorded_sha256(folder, name)
    path = folder / name
    if expected is not None and path.is_file() and file_sha256(path) != expected:
        raise RunError(f"{path} is damaged: its bytes are not those that the run left ({SUMS}). {_remedy(folder)}")


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object of a finished run.

    Raises:
        RunError: naming the file and the remedy, if it cannot be read, is damaged, or is no object.
    """
    require_whole(folder, name)
    path = folder / name
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: it cannot be read as JSON ({error}). {_remedy(folder)}") from error
    if not isinstance(value, dict):
        raise RunError(f"{path}: holds {type(value).__name__}, expected an object. {_remedy(folder)}")
    return value


def _remedy(folder: Path) -> str:
    return f"Put it back from a copy, or delete the folder {folder} and start the job again: the run is then made anew."
