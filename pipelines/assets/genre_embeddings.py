"""Group results, job ru2023_extra: genres before and after the graph convolution, table and picture."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import figure_result, table_and_figure, table_result, write_if_changed
from pipelines.assets.training import WORK, current_plan, finetune_key
from pipelines.experiments import Plan
from pipelines.incremental import make_file
from pipelines.report.figures.embeddings import STEP, embedding_chart
from pipelines.tables import typed_frame
from pipelines.training.launch import WEIGHTS, is_finished, start
from pipelines.training.planned import NotTrainable, runs_of
from warehouse.store import Store, file_sha256
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
        deps=[finetune_key(SETTING)],
        tags={WORK: JOB},
    )
    def write(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> Iterator[dg.MaterializeResult]:
        store = mgc.open_store()
        folder = trained_folder(store, mgc, current_plan(mgc.settings().profile))
        rows = embedded(context, pipes, store, folder).to_dicts() if folder else []
        frame = typed_frame(TABLE, [{"setting_id": SETTING} | row for row in rows])
        changed = write_if_changed(store, {TABLE: frame})
        yield table_result(store, TABLE, skipped=not changed)
        path = store.figures / f"{FIGURE}.png"
        inputs = STEP.inputs(table_hash(store, TABLE))
        yield figure_result(store, path, inputs, lambda: embedding_chart(frame, path), FIGURE_KEY)

    return write


def trained_folder(store: Store, mgc: MgcResource, plan: Plan) -> Path | None:
    """Folder of the first run of the model, if it is finished."""
    runs = runs_of(store, mgc.settings(), plan, plan.settings[SETTING])
    if isinstance(runs, NotTrainable) or not is_finished(store, runs[0]["run_id"]):
        return None
    return store.run(runs[0]["run_id"])


def embedded(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, store: Store, folder: Path
) -> pl.DataFrame:
    """What the worker wrote beside the run's weights; it is started if that is not of these weights."""
    output = folder / OUTPUT
    command = [sys.executable, "-m", WORKER, str(folder), str(output)]
    inputs = STEP.inputs(file_sha256(folder / WEIGHTS))
    make_file(store, output, inputs, lambda: start(context, pipes, command, "Reading the genres"))
    return pl.read_parquet(output)
