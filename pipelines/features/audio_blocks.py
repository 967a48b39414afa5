"""The blocks of shards that a run has to make, on record in the store, where its steps on any host find their part."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.datasets.common import DatasetError
from warehouse.store import Store, replacing


class Block(NamedTuple):
    """Some shards of the audio of a dataset, by the number of the block."""

    dataset: str
    number: int


def _place(store: Store, run_id: str) -> Path:
    return store.root / "state" / "extraction" / f"{run_id}.json"


def deal_blocks(store: Store, run_id: str, blocks: Sequence[Block]) -> None:
    """Put on record what a run has to make."""
    with replacing(_place(store, run_id)) as temporary:
        temporary.write_text(json.dumps(blocks))


def dealt_blocks(store: Store, run_id: str) -> list[Block]:
    """What a run has to make, in the order in which it was dealt.

    Raises:
        DatasetError: if nothing is on record for it.
    """
    path = _place(store, run_id)
    if not path.is_file():
        raise DatasetError(
            f"{path} is not there: the step `blocks` of this run writes it, in a store that all its steps share. "
            "Start the job anew: `dagster job execute -j data`; only what is missing is made."
        )
    return [Block(*block) for block in json.loads(path.read_text())]


def forget_blocks(store: Store, run_id: str) -> None:
    """Remove the record of a run whose blocks are all made."""
    _place(store, run_id).unlink(missing_ok=True)


def require_made(dealt: Sequence[Block], still_open: Collection[Block]) -> None:
    """Check that no block of a run is still to be made.

    Raises:
        DatasetError: naming the blocks that are.
    """
    missing = [f"{block.dataset} {block.number}" for block in dealt if block in still_open]
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(dealt)} blocks of shards were not made: {', '.join(missing[:10])}. The steps that "
            "should have made them ended without an error; either audio files changed meanwhile, or the hosts do not "
            "share the store. Run `dagster job execute -j data` again."
        )
