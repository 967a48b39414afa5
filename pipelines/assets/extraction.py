"""Group features, first asset: blocks of shards as steps of their own, which any Dagster executor can spread.

Each step takes all cores of the machine it runs on and leaves shards with their notes in the store that all share; the
asset `audio` then finds them made. Within one process the steps follow each other.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from pipelines.assets.common import OWNERS, table_key
from pipelines.assets.datasets import raw_key
from pipelines.assets.raw import MUSIC4ALL
from pipelines.assets.stages import clear_failures
from pipelines.datasets import fma, msd
from pipelines.features.audio import extract_block, open_blocks
from pipelines.features.sources import audio_source
from pipelines.features.wanted import audio_datasets
from pipelines.resources import MgcResource
from pipelines.stages.common import not_there

EXTRACTION = dg.AssetKey(["feature", "extraction"])

READ = ("core.tracks", "core.msd_tracks", "core.fma_tracks")
AUDIO_DEPS = [MUSIC4ALL, raw_key(msd.DATASET), raw_key(fma.DATASET), *map(table_key, READ)]
INPUTS = {"_".join(key.path): key for key in AUDIO_DEPS}


@dg.op(ins={name: dg.In(dg.Nothing) for name in INPUTS}, out=dg.DynamicOut(dg.Nothing))
def blocks(context: dg.OpExecutionContext, mgc: MgcResource) -> Iterator[dg.DynamicOutput[None]]:
    """Divide the audio of every dataset that is there into blocks of shards; those that are made need no step."""
    settings, store = mgc.settings(), mgc.open_store()
    for dataset in audio_datasets():
        if not_there(store, settings, dataset):
            continue
        with clear_failures():
            numbers = open_blocks(store, audio_source(store, settings, dataset))
        context.log.info("Audio of %s: %d blocks of shards to make", dataset, len(numbers))
        for number in numbers:
            yield dg.DynamicOutput(None, mapping_key=f"{dataset}_{number:05}")


@dg.op(ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def extract(context: dg.OpExecutionContext, mgc: MgcResource) -> None:
    """Make the shards of one block, which its step's key names."""
    dataset, _, number = (context.get_mapping_key() or "").rpartition("_")
    settings, store = mgc.settings(), mgc.open_store()
    with clear_failures():
        extract_block(store, audio_source(store, settings, dataset), int(number), context.log.info)


@dg.op(ins={"start": dg.In(dg.Nothing)})
def extracted() -> None:
    """Wait for all blocks."""


@dg.graph_asset(
    key=EXTRACTION,
    ins={name: dg.AssetIn(key, dagster_type=dg.Nothing) for name, key in INPUTS.items()},
    group_name="features",
    owners=OWNERS,
    kinds={"parquet", "numpy"},
    description="Shards of all spectrograms, a step for each block of them: whatever executor runs the job spreads the "
    "steps over its processes or machines. A block that is there is not made again.",
)
def extraction(**after: Any) -> Any:
    """Extract block by block."""
    return extracted(start=blocks(**after).map(lambda block: extract(start=block)).collect())
