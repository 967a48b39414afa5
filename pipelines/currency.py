"""Whether a stage has anything to do: its tables remember a hash of what they were made from.

Raw files are too large to hash on every run, so a stage that reads them also keeps a note beside the tables: the
sizes and times of change it saw, and the content hash they stood for. The note only saves work; without it the files
are read again.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from warehouse.store import Store, replacing
from warehouse.tables import file_sha256, stored_inputs

Outputs = Mapping[str, str]


def content_hash(*parts: Any) -> str:
    """SHA-256 of the canonical JSON of `parts`."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


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
    return note["inputs"] if isinstance(note, dict) and note.get("seen") == seen else None


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
        FileNotFoundError: if the part was never written; the message names the job that writes it.
    """
    path = store.table(table) / f"{part}.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{table} has no part {part} in {store.root}. Run `dagster job execute -j data` first.")
    return file_sha256(path)
