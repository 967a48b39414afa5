"""Group results, job ru2023_extra: genres before and after the graph convolution, table and picture."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl

from pipelines.assets.common import (
    CONTRACT_CHECK,
    OWNERS,
    picture,
    table_key,
    table_result,
    table_spec,
    write_if_changed,
)
from pipelines.assets.training import WORK, current_plan, evaluate_key
from pipelines.figures.embeddings import embedding_chart
from pipelines.launch import is_finished, start
from pipelines.plan import Plan
from pipelines.report.figures import drawn_from
from pipelines.resources import MgcResource
from pipelines.training_data import NotTrainable, runs_of
from pipelines.transforms.frames import typed_frame
from warehouse.store import Store
from warehouse.tables import table_hash

TABLE = "report.genre_embeddings"
FIGURE = "ru2023_genre_embeddings"
FIGURE_KEY = dg.AssetKey(["figures", FIGURE])
SETTING = "ru2023_proposed"
JOB = "ru2023_extra"
WORKER = "mgc_models.genre_embeddings"
OUTPUT = "genre_embeddings.parquet"  # beside the weights that it was made from
VERSION = "1"


def genre_embeddings_asset() -> dg.AssetsDefinition:
    """`report.genre_embeddings` and its picture; without rows where the model is not trained."""
    deps, tags = [evaluate_key(SETTING)], {WORK: JOB}

    @dg.multi_asset(
        specs=[
            table_spec(TABLE, group="results", deps=deps, kinds={"pytorch"}).merge_attributes(tags=tags),
            dg.AssetSpec(
                FIGURE_KEY,
                deps=deps,
                group_name="results",
                kinds={"matplotlib"},
                owners=OWNERS,
                tags=tags,
                description="Genres of Ru 2023's model before and after the graph convolution, on a plane.",
            ),
        ],
        check_specs=[dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key(TABLE), blocking=True)],
        name="genre_embeddings",
    )
    def write(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> Iterator[dg.MaterializeResult]:
        store = mgc.open_store()
        folder = trained_folder(store, mgc, current_plan(mgc.settings().profile))
        rows = embedded(context, pipes, folder).to_dicts() if folder else []
        frame = typed_frame(TABLE, [{"setting_id": SETTING} | row for row in rows])
        changed = write_if_changed(store, {TABLE: frame})
        yield table_result(store, TABLE, skipped=not changed)
        path = store.figures / f"{FIGURE}.png"
        inputs = f"{VERSION} {table_hash(store, TABLE)}"
        current = drawn_from(path) == inputs
        if not current:
            embedding_chart(frame, path, inputs)
        yield dg.MaterializeResult(asset_key=FIGURE_KEY, metadata={"picture": picture(path), "unchanged": current})

    return write


def trained_folder(store: Store, mgc: MgcResource, plan: Plan) -> Path | None:
    """Folder of the first run of the model, if it is finished."""
    runs = runs_of(store, mgc.settings(), plan, plan.settings[SETTING])
    if isinstance(runs, NotTrainable) or not is_finished(store, runs[0]["run_id"]):
        return None
    return store.run(runs[0]["run_id"])


def embedded(context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, folder: Path) -> pl.DataFrame:
    """What the worker wrote beside the run's weights; it is started if that is not there."""
    output = folder / OUTPUT
    if not output.is_file():
        start(context, pipes, [sys.executable, "-m", WORKER, str(folder), str(output)], "Reading the genres")
    return pl.read_parquet(output)
