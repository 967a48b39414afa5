"""Group raw: the datasets, located and their layout checked before any work; without any, the sample corpus."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg

from pipelines import sample
from pipelines.assets.passes import clear_failures, run_pass
from pipelines.assets.preflight import CONFIGURATION
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import CONTRACT_CHECK, OWNERS, table_key, table_result, table_spec
from pipelines.config import Settings
from pipelines.datasets import fma, genius, ingest, msd, music4all
from pipelines.datasets.cards import DatasetCard, load_card
from pipelines.datasets.ingest import DETAILS, build_tracks, tracks_outputs
from pipelines.datasets.unreadable import forget, on_record
from pipelines.incremental import Outputs
from pipelines.lyrics import fma as fma_lyrics
from pipelines.tables import SAMPLE_FOLDER, dataset_root, not_run, not_there
from warehouse.store import Store

MUSIC4ALL = dg.AssetKey(["raw", music4all.DATASET])
SAMPLE_SEED = 0
ABOUT = load_card(music4all.DATASET)


def about_metadata(about: DatasetCard) -> dict[str, Any]:
    """Licence, citation and origin of a dataset, for its asset."""
    return {"licence": about.licence, "citation": about.citation, "origin": dg.MetadataValue.url(about.url)}


@dg.asset(
    key=MUSIC4ALL,
    deps=[CONFIGURATION],
    group_name="raw",
    owners=OWNERS,
    kinds={"tsv"},
    description="Music4All as downloaded: found where MGC_MUSIC4ALL_DIR points, its files and their headers checked. "
    "Where no dataset is configured, the sample corpus is generated in the same layout. "
    f"Licence: {ABOUT.licence} Citation: {ABOUT.citation}",
)
def raw_music4all(context: dg.AssetExecutionContext, mgc: MgcResource) -> dg.MaterializeResult:
    """Locate the dataset, or generate its stand-in."""
    settings, store = mgc.settings(), mgc.open_store()
    about = about_metadata(ABOUT)
    reason = not_run(settings, music4all.DATASET)
    if reason:
        context.log.info("%s: %s", music4all.NAME, reason)
        return dg.MaterializeResult(metadata={"status": reason, **about})
    forget(store, music4all.DATASET)
    layout = None
    with clear_failures(), on_record(store, settings, music4all.DATASET):
        layout = _located(context, store, settings)
    if layout is None:
        return dg.MaterializeResult(metadata={"status": not_there(store, settings, music4all.DATASET), **about})
    for name in layout.absent:
        context.log.warning("%s is not there; its columns stay empty. The table is optional.", layout.root / name)
    return dg.MaterializeResult(
        metadata={"status": "done", "tables": sorted(layout.tables), "absent": sorted(layout.absent), **about}
    )


def _located(context: dg.AssetExecutionContext, store: Store, settings: Settings) -> music4all.Layout:
    if settings.data_kind == "sample":
        context.log.info("Generating the sample corpus, unless it is there.")
        sample.generate(store.root / SAMPLE_FOLDER, seed=SAMPLE_SEED)
    layout = music4all.locate(dataset_root(store, settings, music4all.DATASET))
    context.log.info("%s found at %s.", music4all.NAME, layout.root)
    return layout


Finish = Callable[[dg.AssetExecutionContext, MgcResource], Mapping[str, Any]]


def raw_key(dataset: str) -> dg.AssetKey:
    """`msd` -> AssetKey(["raw", "msd"])."""
    return dg.AssetKey(["raw", dataset])


RAW_OTHERS = [raw_key(dataset) for dataset in DETAILS]


def dataset_asset(dataset: str, finish: Finish | None = None) -> dg.AssetsDefinition:
    """The step that reads one dataset: its parts of the shared tables, and its details table, such as core.fma_tracks.

    Args:
        dataset: One of `pipelines.datasets.ingest.DETAILS`.
        finish: Called afterwards in the same step; gives more metadata.
    """
    about, details = load_card(dataset), DETAILS[dataset]
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
        forget(mgc.open_store(), dataset)
        store, skipped, metadata = run_pass(context, mgc, tracks_outputs(dataset), build, dataset, reads=True)
        more = finish(context, mgc) if finish else {}
        yield dg.MaterializeResult(raw_key(dataset), metadata={**metadata, **more, **about_metadata(about)})
        yield table_result(store, details, metadata=metadata, skipped=skipped)

    def build(store: Store, settings: Settings) -> bool:
        return build_tracks(store, ingest.locate(store, settings, dataset), dataset)

    return read


def read_fma_lyrics(context: dg.AssetExecutionContext, mgc: MgcResource) -> dict[str, Any]:
    """Read the user's lyrics of FMA tracks, if both are configured; gives their status and coverage."""
    outputs: Outputs = fma_lyrics.OUTPUTS
    settings, store = mgc.settings(), mgc.open_store()
    without_tracks = not_there(store, settings, fma.DATASET)

    def build(store: Store, settings: Settings) -> bool:
        return fma_lyrics.build_fma_lyrics(store, ingest.lyrics_folder(store, settings), context.log.info)

    forget(store, ingest.FMA_LYRICS)
    dataset = fma.DATASET if without_tracks else ingest.FMA_LYRICS
    _, _, metadata = run_pass(context, mgc, outputs, build, dataset, reads=True)
    if metadata["status"] != "done":
        return {"lyrics": metadata["status"]}
    counts = {name: f"{there:,} of {tracks:,}" for name, (there, tracks) in fma_lyrics.coverage(store).items()}
    context.log.info("Tracks of FMA with usable lyrics: %s.", ", ".join(f"{k} {v}" for k, v in counts.items()))
    return {"lyrics": "done", **{f"lyrics {name}": count for name, count in counts.items()}}


raw_msd = dataset_asset(msd.DATASET)
raw_genius = dataset_asset(genius.DATASET)
raw_fma = dataset_asset(fma.DATASET, read_fma_lyrics)
