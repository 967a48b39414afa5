"""Group raw: the datasets, located and their layout checked before any work; without any, the sample corpus."""

from typing import Any

import dagster as dg

from pipelines.assets.common import OWNERS
from pipelines.assets.preflight import CONFIGURATION
from pipelines.assets.stages import clear_failures
from pipelines.datasets import music4all, sample
from pipelines.datasets.about import About, load_about
from pipelines.resources import MgcResource
from pipelines.settings import Settings
from pipelines.stages.common import SAMPLE_FOLDER, dataset_root, not_run
from warehouse.store import Store

MUSIC4ALL = dg.AssetKey(["raw", music4all.DATASET])
SAMPLE_SEED = 0
ABOUT = load_about(music4all.DATASET)


def about_metadata(about: About) -> dict[str, Any]:
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
    with clear_failures():
        layout = _located(context, store, settings)
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
