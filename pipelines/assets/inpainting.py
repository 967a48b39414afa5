"""Group results: how well hidden parts of spectrograms are filled in (jiang2024, Table 6.10), table and pictures."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl

from mgc_models.analysis.inpaint import OUTPUT, InpaintJob
from mgc_models.config.run import PretrainRun
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import figure_result, table_and_figure, table_key, table_result, write_if_changed
from pipelines.assets.training import open_planned, pretrain_key
from pipelines.experiments import Plan
from pipelines.experiments.schema import PRETRAIN
from pipelines.incremental import make_file
from pipelines.report.figures.inpainting import PICTURES, STEP, TRACKS, Image, Inpainted, inpainting_chart
from pipelines.tables import typed_frame
from pipelines.training.launch import are_tiny, job_file, start, worker_command
from pipelines.training.planned import is_finished, weights_sha256
from pipelines.training.planned_table import NAME as PLANNED
from warehouse.store import Store, file_sha256

INPAINTING = "report.inpainting"
FIGURE = "jiang2024_table_6_10"
FIGURE_KEY = dg.AssetKey(["figures", FIGURE])
WORKER = "mgc_models.analysis.inpaint"


def inpainted_settings(plan: Plan) -> dict[str, tuple[float, ...]]:
    """The settings that are scored by inpainting, each with the masking ratios of its rows in all tables."""
    ratios: dict[str, set[float]] = {}
    for table in plan.tables:
        for row in table.rows:
            setting_id = plan.setting_of[table.work, table.table_id, row.row_id]
            if table.stage == PRETRAIN and setting_id and row.mask_ratio is not None:
                ratios.setdefault(setting_id, set()).add(row.mask_ratio)
    return {setting_id: tuple(sorted(found)) for setting_id, found in ratios.items()}


def drawn_ratios(plan: Plan) -> list[float]:
    """The masking ratios of the printed tables, whose pictures are drawn."""
    printed = [row for table in plan.tables if not table.is_extra for row in table.rows]
    return sorted({row.mask_ratio for row in printed if row.mask_ratio is not None})


def inpainting_asset(plan: Plan, pretrained: set[dg.AssetKey]) -> dg.AssetsDefinition:
    """`report.inpainting` and its pictures; without rows where no model that can is there."""
    needed = [pretrain_key(name) for name in inpainted_settings(plan) if pretrain_key(name) in pretrained]

    @table_and_figure(
        INPAINTING,
        FIGURE_KEY,
        "Spectrograms, the same with patches hidden, and filled in, at each masking ratio (Jiang 2024, Table 6.10).",
        deps=[table_key(PLANNED), *needed],
    )
    def inpaint(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> Iterator[dg.MaterializeResult]:
        store, plan, planned = open_planned(mgc)
        frames = []
        for setting_id, ratios in inpainted_settings(plan).items():
            run = next(iter(planned.pretrain.get(plan.pretraining_of[setting_id], [])), None)
            if run is not None and is_finished(store, run.run_id):
                frame = inpainted(context, pipes, store, run, ratios)
                frames.append(frame.with_columns(setting_id=pl.lit(setting_id), run_id=pl.lit(run.run_id)))
        found = pl.concat(frames) if frames else pl.DataFrame(schema={"mask_ratio": pl.Float64})
        table = typed_frame(INPAINTING, found.select(typed_frame(INPAINTING, []).columns).to_dicts() if frames else [])
        changed = write_if_changed(store, {INPAINTING: table})
        yield table_result(store, INPAINTING, skipped=not changed)
        drawn = found.filter(pl.col("mask_ratio").is_in(drawn_ratios(plan)))
        path = store.figures / f"{FIGURE}.png"
        inputs = STEP.inputs([file_sha256(store.run(run_id) / OUTPUT) for run_id in sorted(set(table["run_id"]))])
        yield figure_result(store, path, inputs, lambda: inpainting_chart(pictures(drawn), path), FIGURE_KEY)

    return inpaint


def inpainted(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    store: Store,
    run: PretrainRun,
    ratios: tuple[float, ...],
) -> pl.DataFrame:
    """Read what the worker wrote beside the run's weights; start it first if that is not of these weights and ratios.

    The run's id stands for the corpus, its spectrograms and the settings of the masking.
    """
    folder = store.run(run.run_id)

    def fill_in() -> None:
        job = write_job(store, run, ratios)
        start(context, pipes, worker_command(WORKER, job, 1), "Inpainting")

    inputs = STEP.inputs(run.run_id, weights_sha256(folder), ratios)
    make_file(store, folder / OUTPUT, inputs, fill_in)
    return pl.read_parquet(folder / OUTPUT)


def write_job(store: Store, run: PretrainRun, ratios: tuple[float, ...]) -> Path:
    """Write the job file that the worker reads; returns its path."""
    job = InpaintJob(str(store.root), "auto", run, ratios, TRACKS, PICTURES, 1 if are_tiny([run]) else None)
    return job_file(store, f"inpaint_{run.run_id}", job)


def pictures(rows: pl.DataFrame) -> list[Inpainted]:
    """The rows that hold images."""
    shown = rows.drop_nulls("original").sort("track_id", "mask_ratio") if "original" in rows.columns else rows.clear()
    return [
        Inpainted(
            row["track_id"],
            row["mask_ratio"],
            row["mse"],
            original=image(row["original"], row["bands"]),
            hidden=image(row["hidden"], row["bands"]).astype(np.bool_),
            filled=image(row["filled"], row["bands"]),
        )
        for row in shown.iter_rows(named=True)
    ]


def image(cells: list[float], bands: int) -> Image:
    """`[bands, frames]` from cells in the order of frames."""
    return np.array(cells, dtype=np.float32).reshape(-1, bands).T
