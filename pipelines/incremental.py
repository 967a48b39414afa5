"""Tells whether a stage has anything to do: what it made remembers a hash of what it was made from.

That hash is `Step.inputs`: the stage's own code, data files, settings and libraries, and whatever it reads. A part of a
table keeps it in its footer; of any other file a note in `state` keeps it (`make_file`).

Raw files are too large to hash on every run, so a stage that reads them also keeps a note beside the tables: the
sizes and times of change it saw, and the content hash they stood for. Notes only save work; without them the files
are read, or made, again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from warehouse.store import Store, file_sha256, replacing
from warehouse.tables import stored_inputs, whole_part

Outputs = Mapping[str, str]


def content_hash(*parts: Any) -> str:
    """SHA-256 of the canonical JSON of `parts`."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Step:
    """All that a step depends on beside the tables and raw files it reads; docs/dependencies.md lists the steps.

    Attributes:
        name: Of the step.
        version: Raised when its code makes something else of the same inputs.
        files: Data files of this repository that it reads, by content.
        settings: Values that it goes by, from data files or code.
        libraries: Distributions whose version may change what it makes; `+cpu` and its like do not count, so that
            machines with and without an accelerator share a store.
    """

    name: str
    version: int
    files: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()

    def inputs(self, *upstream: Any) -> str:
        """Hash of all this and of what else the step was given."""
        files = [[path.name, file_sha256(path)] for path in self.files]
        libraries = [[name, version(name).partition("+")[0]] for name in self.libraries]
        return content_hash(self.name, self.version, files, dict(self.settings), libraries, upstream)


def make_file(store: Store, path: Path, inputs: str, make: Callable[[], object]) -> bool:
    """Make a file of the store that is no table, unless it is there, whole, and was made from the same inputs.

    Args:
        store: The store.
        path: The file, in the store.
        inputs: What it is made from (`Step.inputs`).
        make: Writes it in one step.

    Returns:
        Whether it was made.
    """
    stage = f"files/{path.relative_to(store.root).as_posix()}"
    if path.is_file() and noted_inputs(store, stage, inputs) == file_sha256(path):
        return False
    make()
    note_inputs(store, stage, inputs, file_sha256(path))
    return True


def is_current(store: Store, outputs: Outputs, inputs: str) -> bool:
    """Whether every output (table -> part) was written from `inputs`."""
    return all(stored_inputs(store, table, part) == inputs for table, part in outputs.items())


def noted_inputs(store: Store, stage: str, seen: str) -> str | None:
    """Give the content hash that raw files stood for when they looked like `seen`; None if they looked otherwise."""
    path = store.root / "state" / f"{stage}.json"
    try:
        note = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return note.get("inputs") if isinstance(note, dict) and note.get("seen") == seen else None


def note_inputs(store: Store, stage: str, seen: str, inputs: str) -> None:
    """Remember what raw files that look like `seen` stand for."""
    with replacing(store.root / "state" / f"{stage}.json") as temporary:
        temporary.write_text(json.dumps({"seen": seen, "inputs": inputs}) + "\n")


def raw_is_current(store: Store, stage: str, seen: str, outputs: Outputs) -> bool:
    """Whether raw files look as they did when the outputs were written from them."""
    inputs = noted_inputs(store, stage, seen)
    return inputs is not None and is_current(store, outputs, inputs)


def part_hash(store: Store, table: str, part: str = "all") -> str:
    """SHA-256 of one part of a table.

    Raises:
        FileNotFoundError, ContractError: as `warehouse.tables.whole_part`.
    """
    return file_sha256(whole_part(store, table, part))
