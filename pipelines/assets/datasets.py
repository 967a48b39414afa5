"""Groups raw and tracks: the datasets beside Music4All, each found and read in one step.

A step of its own for each part of so little work would cost more than the work.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg

from pipelines.assets.common import CONTRACT_CHECK, OWNERS, table_key, table_result, table_spec
from pipelines.assets.raw import MUSIC4ALL, about_metadata
from pipelines.assets.stages import run_pass
from pipelines.currency import Outputs
from pipelines.datasets import fma, genius, msd
from pipelines.datasets.about import load_about
from pipelines.resources import MgcResource
from pipelines.settings import Settings
from pipelines.stages import fma_lyrics, layouts
from pipelines.stages.common import not_there
from pipelines.stages.tracks import DETAILS, build_tracks, tracks_outputs
from warehouse.store import Store

Finish = Callable[[dg.AssetExecutionContext, MgcResource], Mapping[str, Any]]


def raw_key(dataset: str) -> dg.AssetKey:
    """`msd` -> AssetKey(["raw", "msd"])."""
    return dg.AssetKey(["raw", dataset])


RAW_OTHERS = [raw_key(dataset) for dataset in DETAILS]


def dataset_asset(dataset: str, finish: Finish | None = None) -> dg.AssetsDefinition:
    """The step that reads one dataset: its parts of the shared tables, and the table of what only it states.

    Args:
        dataset: One of `pipelines.stages.tracks.DETAILS`.
        finish: What follows in the same step; gives more metadata.
    """
    about, details = load_about(dataset), DETAILS[dataset]
    description = (
        f"{about.name} as downloaded, where {about.variables[0]} points: its files checked and read into core.tracks, "
        f"core.track_genres, core.raw_files, core.rejects and {details}. Licence: {about.licence} Citation: "
        f"{about.citation}"
    )
    # After raw/music4all, which generates the sample corpus for all.
    raw = dg.AssetSpec(raw_key(dataset), deps=[MUSIC4ALL], description=description, group_name="raw", owners=OWNERS)

    @dg.multi_asset(
        specs=[raw, table_spec(details, group="tracks", deps=[MUSIC4ALL], kinds={"polars"})],
        check_specs=[dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key(details), blocking=True)],
        name=f"read_{dataset}",
    )
    def read(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        store, skipped, metadata = run_pass(context, mgc, tracks_outputs(dataset), build, dataset)
        more = finish(context, mgc) if finish else {}
        yield dg.MaterializeResult(raw_key(dataset), metadata={**metadata, **more, **about_metadata(about)})
        yield table_result(store, details, metadata=metadata, skipped=skipped)

    def build(store: Store, settings: Settings) -> bool:
        return build_tracks(store, layouts.locate(store, settings, dataset), dataset)

    return read


def read_fma_lyrics(context: dg.AssetExecutionContext, mgc: MgcResource) -> dict[str, Any]:
    """Read the user's lyrics of FMA tracks, if there are both; gives their status and coverage."""
    outputs: Outputs = fma_lyrics.OUTPUTS
    settings, store = mgc.settings(), mgc.open_store()
    without_tracks = not_there(store, settings, fma.DATASET)

    def build(store: Store, settings: Settings) -> bool:
        return fma_lyrics.build_fma_lyrics(store, layouts.lyrics_folder(store, settings), context.log.info)

    _, _, metadata = run_pass(context, mgc, outputs, build, fma.DATASET if without_tracks else layouts.FMA_LYRICS)
    if metadata["status"] != "done":
        return {"lyrics": metadata["status"]}
    counts = {name: f"{there:,} of {tracks:,}" for name, (there, tracks) in fma_lyrics.coverage(store).items()}
    context.log.info("Tracks of FMA with usable lyrics: %s.", ", ".join(f"{k} {v}" for k, v in counts.items()))
    return {"lyrics": "done", **{f"lyrics {name}": count for name, count in counts.items()}}


raw_msd = dataset_asset(msd.DATASET)
raw_genius = dataset_asset(genius.DATASET)
raw_fma = dataset_asset(fma.DATASET, read_fma_lyrics)
