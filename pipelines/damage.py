"""What of a store is no longer as it was written, looked for at the start of a job.

What is derived is made again by the step that writes it, which finds its file not whole; what a training left behind is
not: that takes hours, and the scores are still those of the sound weights.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mgc_models.artifacts.run_folder import CHECKED, RESULT, TIMING, recorded_sha256, require_whole
from mgc_models.errors import RunError
from pipelines.features.index import damaged_companions
from pipelines.training.inputs import FOLDER
from warehouse.checksum import damage
from warehouse.contract import ContractError, load_contract
from warehouse.shards.writer import ShardError
from warehouse.store import Store, file_sha256
from warehouse.tables import damaged_parts, read_table
from warehouse.verified import has_sha256

READ_BY_RESULTS = {RESULT, TIMING}  # a step stops over these, and says so


def made_again(store: Store) -> Iterator[Path]:
    """Damaged files of the store that a job makes again: table parts, shards, training inputs, figures, report."""
    for name in load_contract():
        yield from damaged_parts(store, name)
    yield from _shards(store)
    for folder in sorted(store.root.glob("features/*/*")):
        with suppress(ShardError):  # told of already
            yield from damaged_companions(folder)
    yield from (path for path in sorted((store.root / FOLDER).glob("[!.]*.parquet")) if damage(path))
    yield from _noted_files(store)


def _shards(store: Store) -> Iterator[Path]:
    try:
        shards = read_table(store, "feature.shards").select(["path", "sha256"]).to_pylist()
    except ContractError:  # damaged itself, and told
        return
    for shard in shards:
        path = store.root / shard["path"]
        if path.is_file() and not has_sha256(store, path, shard["sha256"]):
            yield path


def _noted_files(store: Store) -> Iterator[Path]:
    """Files that `pipelines.incremental.make_file` made, and that are others now."""
    notes = store.root / "state" / "files"
    for note in sorted(notes.rglob("*.json")):
        path = store.root / note.relative_to(notes).with_suffix("")
        try:
            made = json.loads(note.read_text())["inputs"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if path.is_file() and file_sha256(path) != made:
            yield path


def damaged_runs(store: Store) -> Iterator[str]:
    """What is damaged of the files of finished runs and no step reads, in words with the mend."""
    for result in sorted(store.root.glob(f"runs/*/{RESULT}")):
        for name in CHECKED:
            if name in READ_BY_RESULTS:
                continue
            try:
                _require_whole(store, result.with_name(name))
            except RunError as error:
                yield str(error)
                break


def _require_whole(store: Store, path: Path) -> None:
    expected = recorded_sha256(path.parent, path.name)
    if expected is not None and path.is_file() and not has_sha256(store, path, expected):
        require_whole(path.parent, path.name)
