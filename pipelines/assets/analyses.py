"""Asset groups `results` and `report`: what several runs give together: modality importance, intervals, bar figures."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.inpainting import INPAINTING
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import (
    OWNERS,
    figure_result,
    figure_spec,
    frame_of,
    table_assets,
    table_key,
    table_result,
    write_if_changed,
)
from pipelines.assets.training import WORK, open_planned
from pipelines.experiments import Plan
from pipelines.incremental import is_current
from pipelines.report.figures.bars import printed_beside_ours
from pipelines.report.figures.files import STEP as DRAWN
from pipelines.report.figures.importance import importance_chart
from pipelines.results import bootstrap, importance
from pipelines.results.collect import RunFileError
from pipelines.results.finished import FinishedRuns, finished_runs
from pipelines.training.planned import PlannedRuns
from pipelines.training.planned_table import NAME as PLANNED
from warehouse.store import Store
from warehouse.tables import table_hash, write_table

FINISHED_FROM = ("run.runs", "run.fold_scores", "run.epochs", INPAINTING, "run.genre_ap", "run.timings")
IMPORTANCE_FIGURE = dg.AssetKey(["figures", "jiang2024_figure_6_1"])
BAR_FIGURES = {"accuracy": "ru2023_accuracy", "f1": "ru2023_f_measure"}
BOOTSTRAP_JOB = "jiang2024_extra"
ANALYSES = [
    table_key(importance.NAME),
    table_key(bootstrap.NAME),
    IMPORTANCE_FIGURE,
    *(dg.AssetKey(["figures", name]) for name in BAR_FIGURES.values()),
]


def analyses_assets() -> list[dg.AssetsDefinition]:
    """The assets of this module."""
    return [importance_table(), importance_figure(), bootstrap_table(), bar_figures()]


def finished_of(store: Store, plan: Plan, planned: PlannedRuns) -> dict[str, FinishedRuns]:
    """Read from the tables what the finished runs behind each setting came to."""
    return finished_runs(plan, planned, *(frame_of(store, name) for name in FINISHED_FROM))


def importance_table() -> dg.AssetsDefinition:
    """`report.modality_importance`."""
    upstream = [table_key(name) for name in (PLANNED, *FINISHED_FROM, "genre.coarse")]

    @table_assets((importance.NAME,), group="report", deps=upstream, name="modality_importance")
    def write(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        store, plan, planned = open_planned(mgc)
        found = finished_of(store, plan, planned)
        frame = importance.modality_importance(
            plan, found, frame_of(store, "run.genre_ap"), frame_of(store, "genre.coarse")
        )
        changed = write_if_changed(store, {importance.NAME: frame})
        context.log.info("Importance of modalities for %d genres", frame.filter(level="genre").height)
        yield table_result(store, importance.NAME, skipped=not changed)

    return write


def importance_figure() -> dg.AssetsDefinition:
    """Figure 6.1."""

    @dg.asset(
        key=IMPORTANCE_FIGURE,
        deps=[table_key(importance.NAME), table_key("genre.coarse")],
        group_name="report",
        kinds={"matplotlib"},
        owners=OWNERS,
        description="Importance of audio and lyrics for each coarse genre, and their ratio (Jiang 2024, Figure 6.1).",
    )
    def draw(mgc: MgcResource) -> dg.MaterializeResult:
        store = mgc.open_store()
        path = figure_path(store, IMPORTANCE_FIGURE)
        inputs = DRAWN.inputs(table_hash(store, importance.NAME))
        found = frame_of(store, importance.NAME).filter(work="jiang2024")
        rows = found.filter(level="coarse").sort("genre")
        missing = importance.left_out(found.to_dicts(), frame_of(store, "genre.coarse").to_dicts())
        return figure_result(store, path, inputs, lambda: importance_chart(rows, path), left_out=missing)

    return draw


def bootstrap_table() -> dg.AssetsDefinition:
    """`report.bootstrap`; takes minutes at full size, and so belongs to the job of our own rows."""
    upstream = [table_key(name) for name in (PLANNED, *FINISHED_FROM)]

    @table_assets((bootstrap.NAME,), group="report", deps=upstream, name="bootstrap")
    def write(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        store, plan, planned = open_planned(mgc)
        found = finished_of(store, plan, planned)
        drawn_from = bootstrap.drawn_from(store, plan, found)
        inputs = bootstrap.STEP.inputs(table_hash(store, "run.runs"), drawn_from)
        current = is_current(store, {bootstrap.NAME: "all"}, inputs)
        if not current:
            try:
                frame = bootstrap.bootstrap(store, plan, found)
            except RunFileError as error:
                raise dg.Failure(description=str(error), allow_retries=False) from error
            context.log.info("Bootstrap intervals of %d settings", frame["setting_id"].n_unique())
            write_table(store, bootstrap.NAME, frame, inputs=inputs)
        yield table_result(store, bootstrap.NAME, skipped=current)

    return write.map_asset_specs(lambda spec: spec.merge_attributes(tags={WORK: BOOTSTRAP_JOB}))


def bar_figures() -> dg.AssetsDefinition:
    """The two bar figures of Ru 2023, (a) accuracy and (b) F-measure, which stand in its ablation study."""

    @dg.multi_asset(
        specs=[
            figure_spec(
                dg.AssetKey(["figures", name]),
                f"Ablation study of Ru 2023, printed beside ours: {metric}.",
                group="report",
                deps=[table_key("report.results")],
            )
            for metric, name in BAR_FIGURES.items()
        ],
        name="ru2023_bars",
    )
    def draw(mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        store = mgc.open_store()
        rows = frame_of(store, "report.results").filter(work="ru2023", table_id="ablation").sort("row_order")
        for metric, name in BAR_FIGURES.items():
            path = store.figures / f"{name}.png"
            own = rows.filter(pl.col("metric") == metric)
            shown = own.select("row_label", "printed_mean", "ours_mean", "ours_sd")
            inputs = DRAWN.inputs(shown.write_ndjson())
            draw_bars = partial(printed_beside_ours, shown, metric.replace("f1", "F-measure"), path)
            yield figure_result(store, path, inputs, draw_bars, dg.AssetKey(["figures", name]))

    return draw


def figure_path(store: Store, key: dg.AssetKey) -> Path:
    """Give the path of an asset's picture."""
    return store.figures / f"{key.path[-1]}.png"
