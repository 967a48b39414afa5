"""Group planted: the methods on corpora in which it is known what each part has to find, in a store of their own."""

import json
from pathlib import Path

import dagster as dg

from pipelines.assets.analyses import finished_of
from pipelines.assets.history import code_tags
from pipelines.assets.passes import clear_failures
from pipelines.assets.reconcile import reconcile
from pipelines.assets.report import RESULT_TABLES
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import OWNERS, frame_of, write_if_changed
from pipelines.assets.training import done_result, trained_asset
from pipelines.experiments import Plan
from pipelines.planted.files import drawn_bounds, write_drawn
from pipelines.planted.page import page
from pipelines.planted.runs import DATA_KIND, PROFILE, ROOT, load_planted, planted_runs
from pipelines.planted.worlds import FOLDER, World, load_worlds
from pipelines.results.collect import RunFileError, gather_runs
from pipelines.results.compare import results
from pipelines.training.launch import SMALL_RUNS, launch
from pipelines.training.planned import PlannedRuns
from warehouse.claim import claim
from warehouse.store import Store, StoreError, replacing

GROUP = "planted"
CORPORA, RUNS, PAGE = (dg.AssetKey([GROUP, name]) for name in ("corpora", "runs", "page"))


def planted_assets(experiments: Path = ROOT, folder: Path = FOLDER) -> list[dg.AssetsDefinition]:
    """The assets of the planted experiments.

    Args:
        experiments: Their tables, in a folder for each work.
        folder: What is planted.
    """
    worlds = load_worlds(folder)
    plan = load_planted(worlds, experiments)
    planned = planted_runs(plan, worlds)
    return [corpora_asset(plan, worlds), runs_asset(planned), page_asset(plan, planned, worlds)]


def planted_store(mgc: MgcResource) -> Store:
    """The store of the planted experiments, inside the configured one: nothing of that is touched.

    Raises:
        dagster.Failure: when it belongs to others.
    """
    store = Store(mgc.settings().store / GROUP)
    try:
        claim(store, DATA_KIND, PROFILE)
    except StoreError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
    return store


def asked_for(plan: Plan) -> list[tuple[str, int]]:
    """World and seed of every corpus."""
    return sorted({(one.data.corpus, seed) for one in plan.settings.values() for _, seed in one.repetitions})


def corpora_asset(plan: Plan, worlds: dict[str, World]) -> dg.AssetsDefinition:
    """The asset that draws the corpora."""

    @dg.asset(
        key=CORPORA,
        group_name=GROUP,
        kinds={"parquet"},
        owners=OWNERS,
        description="A corpus for each repetition: spectrograms, tokens, labels and split, as training reads them.",
    )
    def draw(context: dg.AssetExecutionContext, mgc: MgcResource) -> dg.MaterializeResult:
        reconcile(context.instance)  # training of an earlier job that was killed would hold its slot for ever
        store = planted_store(mgc)
        with clear_failures():
            drawn = [write_drawn(store, worlds[name], seed) for name, seed in asked_for(plan)]
        return dg.MaterializeResult(
            metadata={
                "store": dg.MetadataValue.path(store.root),
                "profile": PROFILE,
                "data_kind": DATA_KIND,
                "corpora": len(drawn),
                "unchanged": not any(drawn),
            }
        )

    return draw


def runs_asset(planned: PlannedRuns) -> dg.AssetsDefinition:
    """The asset that trains on them."""

    @trained_asset(
        key=RUNS,
        deps=[CORPORA],
        group_name=GROUP,
        description="Trains every row of the planted experiments on each of its corpora, side by side on all cores; "
        "what is finished is not trained again, and what was cut off goes on.",
    )
    def train(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        runs = planned.all_runs()
        return done_result(runs, launch(context, pipes, planted_store(mgc), SMALL_RUNS, runs))

    return train


def page_asset(plan: Plan, planned: PlannedRuns, worlds: dict[str, World]) -> dg.AssetsDefinition:
    """The asset that gathers the runs, tests the questions and writes the page."""

    @dg.asset(
        key=PAGE,
        deps=[RUNS],
        group_name=GROUP,
        kinds={"markdown"},
        owners=OWNERS,
        description="planted.md: what each part of a method brings where it is known what it has to find, with tests. "
        "Beside it, in the same store, the tables run.* and report.* of the planted experiments.",
    )
    def write_page(mgc: MgcResource) -> dg.MaterializeResult:
        store = planted_store(mgc)
        try:
            changed = write_if_changed(store, gather_runs(store, planned.all_runs()))
        except RunFileError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        found = finished_of(store, plan, planned)
        frames = dict(zip(RESULT_TABLES, results(plan, mgc.settings(), found, {}), strict=True))
        changed = write_if_changed(store, frames) or changed
        limits: dict[str, list[dict[str, float]]] = {}
        for name, seed in asked_for(plan):
            limits.setdefault(name, []).append(drawn_bounds(store, worlds[name], seed))
        text = page(plan, found, frames[RESULT_TABLES[0]], limits, made_with(store))
        path = store.root / "planted.md"
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return dg.MaterializeResult(
            metadata={
                "page": dg.MetadataValue.md(text),
                "path": dg.MetadataValue.path(path),
                "unchanged": not changed,
            }
        )

    return write_page


def made_with(store: Store) -> str:
    """Commit, library, devices and time of the runs of a store."""
    timings, runs = frame_of(store, "run.timings"), frame_of(store, "run.runs")
    torch = sorted({json.loads(versions).get("torch", "unknown") for versions in runs["versions_json"]})
    devices = " and ".join(sorted(set(timings["device"])))
    minutes = timings["duration_wall_s"].sum() / 60
    return (
        f"commit {code_tags().get('commit', 'unknown')}, torch {' and '.join(torch)}, on {devices}; "
        f"{runs.height} runs, {minutes:.0f} minutes of training summed over them"
    )
