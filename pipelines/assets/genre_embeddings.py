"""Group results, job ru2023_extra: genres before and after the graph convolution, table and picture."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import figure_result, table_and_figure, table_key, table_result, write_if_changed
from pipelines.assets.training import WORK, finetune_key, open_planned
from pipelines.incremental import make_file
from pipelines.report.figures.embeddings import STEP, embedding_chart
from pipelines.tables import typed_frame
from pipelines.training.launch import start
from pipelines.training.planned import PlannedRuns, is_finished, weights_sha256
from pipelines.training.planned_table import NAME as PLANNED
from warehouse.store import Store
from warehouse.tables import table_hash

TABLE = "report.genre_embeddings"
FIGURE = "ru2023_genre_embeddings"
FIGURE_KEY = dg.AssetKey(["figures", FIGURE])
SETTING = "ru2023_proposed"
JOB = "ru2023_extra"
WORKER = "mgc_models.analysis.genre_embeddings"
OUTPUT = "genre_embeddings.parquet"  # beside the weights that it was made from


def genre_embeddings_asset() -> dg.AssetsDefinition:
    """`report.genre_embeddings` and its picture; without rows where the model is not trained."""

    @table_and_figure(
        TABLE,
        FIGURE_KEY,
        "Genres of Ru 2023's model before and after the graph convolution, on a plane.",
        deps=[table_key(PLANNED), finetune_key(SETTING)],
        tags={WORK: JOB},
    )
    def write(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> Iterator[dg.MaterializeResult]:
        store, _, planned = open_planned(mgc)
        folder = trained_folder(store, planned)
        rows = embedded(context, pipes, store, folder).to_dicts() if folder else []
        frame = typed_frame(TABLE, [{"setting_id": SETTING} | row for row in rows])
        changed = write_if_changed(store, {TABLE: frame})
        yield table_result(store, TABLE, skipped=not changed)
        path = store.figures / f"{FIGURE}.png"
        inputs = STEP.inputs(table_hash(store, TABLE))
        yield figure_result(store, path, inputs, lambda: embedding_chart(frame, path), FIGURE_KEY)

    return write


def trained_folder(store: Store, planned: PlannedRuns) -> Path | None:
    """Folder of the first run of the model, if it is finished."""
    run = next(iter(planned.runs.get(SETTING, [])), None)
    return store.run(run.run_id) if run and is_finished(store, run.run_id) else None


def embedded(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, store: Store, folder: Path
) -> pl.DataFrame:
    """Read what the worker wrote beside the run's weights; start it first if that is not of these weights."""
    output = folder / OUTPUT
    command = [sys.executable, "-m", WORKER, str(folder), str(output)]
    inputs = STEP.inputs(weights_sha256(folder))
    make_file(store, output, inputs, lambda: start(context, pipes, command, "Reading the genres"))
    return pl.read_parquet(output)
