"""The Dagster code location, as a table of contents: assets, jobs and resources; nothing is implemented here."""

import functools
import operator
import os
import warnings

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.assets import corpora, features, genres, preflight, raw, tracks
from pipelines.assets import features as features_assets
from pipelines.assets import raw as raw_assets
from pipelines.assets.console import console
from pipelines.assets.genre_embeddings import genre_embeddings_asset
from pipelines.assets.inpainting import inpainting_asset
from pipelines.assets.planted import GROUP as PLANTED
from pipelines.assets.planted import planted_assets
from pipelines.assets.report import results_assets
from pipelines.assets.resources import MgcResource
from pipelines.assets.training import GROUP as TRAINING_GROUP
from pipelines.assets.training import PLANNED_GROUP, SMALL_RUNS, WORK, inputs_asset, training_assets
from pipelines.config import PROFILES
from pipelines.executors.choice import DEFAULT_EXECUTION, executor
from pipelines.experiments import load_plan
from pipelines.experiments.schema import EXTRA
from pipelines.experiments.works import load_works
from pipelines.training.launch import WholeLineReader

warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)

DATA_GROUPS = ("raw", "tracks", "corpora", "genres", "features", PLANNED_GROUP)
REPORT_GROUPS = ("results", "report")
WORKS = tuple(load_works())
EXTRAS = tuple(f"{work}{EXTRA}" for work in WORKS)
RUN_CONFIG = {
    "loggers": {"console": {}},  # named, because Dagster's own is taken for one that no configuration names
    "execution": DEFAULT_EXECUTION,
}


def work_selection(work: str) -> dg.AssetSelection:
    """Training of one work, with the data below and the report above."""
    below_and_above = dg.AssetSelection.groups(*DATA_GROUPS, *REPORT_GROUPS) | dg.AssetSelection.assets(SMALL_RUNS)
    return (dg.AssetSelection.tag(WORK, work) | below_and_above) - extra_selection()


def extra_selection() -> dg.AssetSelection:
    """Select what goes beyond the sources and is left to jobs of its own."""
    first, *others = (dg.AssetSelection.tag(WORK, name) for name in EXTRAS)
    return functools.reduce(operator.or_, others, first)


def build_jobs(mgc: MgcResource) -> list[UnresolvedAssetJobDefinition]:
    """`full_repro` and its parts, and beside it the jobs of the rows that are ours.

    Args:
        mgc: The values in force. They are prefilled in the launchpad, and tag a run until it starts with its own.
    """
    config = {**RUN_CONFIG, "resources": {"mgc": {"config": mgc.values()}}}
    report = dg.AssetSelection.groups(PLANNED_GROUP, *REPORT_GROUPS)
    selections = {
        "full_repro": dg.AssetSelection.all() - extra_selection() - dg.AssetSelection.groups(PLANTED),
        "data": dg.AssetSelection.groups(*DATA_GROUPS),
        **{work: work_selection(work) for work in WORKS},
        "report": (report | dg.AssetSelection.assets(preflight.CONFIGURATION)) - extra_selection(),
        **{name: extra_job_selection(name) for name in EXTRAS},
        PLANTED: dg.AssetSelection.groups(PLANTED),
    }
    about = job_descriptions()
    return [
        dg.define_asset_job(name, selection, config=config, run_tags=mgc.tags(), description=about[name])
        for name, selection in selections.items()
    ]


def extra_job_selection(name: str) -> dg.AssetSelection:
    """Rows of ours of one work with everything that they rest on, and the report above."""
    own = dg.AssetSelection.tag(WORK, name)
    trained = own & dg.AssetSelection.groups(TRAINING_GROUP)
    above = dg.AssetSelection.groups(*REPORT_GROUPS) - extra_selection()
    below = trained.upstream() | dg.AssetSelection.groups(*DATA_GROUPS) | dg.AssetSelection.assets(SMALL_RUNS)
    return below | own | above


def job_descriptions() -> dict[str, str]:
    """Describe each job by name, for the web UI and the README."""
    works = load_works().values()
    return {
        "full_repro": "Everything that the works print: data, features, all trainings, tables, figures, the report.",
        "data": "Datasets, corpora, genres and features. Trains nothing.",
        **{
            work.name: f"The rows of {work.cited} ({work.year}), with the data below and the report above."
            for work in works
        },
        "report": "Tables, figures and the report, from the runs that are finished. Trains nothing.",
        **{f"{work.name}{EXTRA}": f"Rows of ours, in no other job. {work.beyond}" for work in works},
        PLANTED: "What each part of a method brings on corpora of which it is known what it has to find there; in a "
        "store of its own. `make planted` also copies its page to docs/planted.md.",
    }


def build_assets() -> list[dg.AssetsDefinition]:
    """Build every asset, in the order of the data; training and results follow the plan of the configured profile."""
    profile = os.environ.get("MGC_PROFILE") or "sample"
    plan = load_plan(profile if profile in PROFILES else "sample")  # preflight refuses an unknown one with a message
    modules = [preflight, raw, raw_assets, tracks, corpora, genres, features_assets, features]
    data = [asset for asset in dg.load_assets_from_modules(modules) if isinstance(asset, dg.AssetsDefinition)]
    training = training_assets(plan)
    data_keys = [key for asset in data for key in asset.keys]
    keys = [asset.key for asset in training]
    beside = [inpainting_asset(plan, set(keys)), genre_embeddings_asset()]
    return [*data, inputs_asset(), *training, *beside, *results_assets(keys, data_keys), *planted_assets()]


def build_defs(mgc: MgcResource | None = None) -> dg.Definitions:
    """The code location.

    Args:
        mgc: Settings to use instead of those of the environment, for tests.
    """
    mgc = mgc or MgcResource.from_environment()
    return dg.Definitions(
        assets=build_assets(),
        jobs=build_jobs(mgc),
        asset_checks=[tracks.readable],
        executor=executor,
        loggers={"console": console},
        resources={
            "mgc": mgc,
            "pipes": dg.PipesSubprocessClient(message_reader=WholeLineReader(mgc.store_path() / "jobs")),
        },
    )


defs = build_defs()
