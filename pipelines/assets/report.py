"""Asset groups `results` and `report`: run tables, printed beside ours, significance, curves, catalogue, HTML page."""

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg
import polars as pl

from pipelines.assets.analyses import ANALYSES, FINISHED_FROM, analyses_assets, finished_of
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import OWNERS, frame_of, picture, table_assets, table_key, table_result, write_if_changed
from pipelines.assets.training import current_plan, open_planned, selected_runs
from pipelines.experiments import Plan
from pipelines.incremental import make_file
from pipelines.report.build import CATALOGUE, write_report
from pipelines.report.figures.files import STEP as DRAWN
from pipelines.report.figures.learning_curves import learning_curves
from pipelines.results.collect import RunFileError, fewer_runs, gather_runs
from pipelines.results.compare import results
from pipelines.results.published import published
from pipelines.tables import read_columns
from pipelines.training.planned import finished_counts
from pipelines.training.planned_table import NAME as PLANNED
from pipelines.weights import missing_weights
from warehouse.catalogue import export_catalogue
from warehouse.contract import load_contract
from warehouse.printed import with_spread
from warehouse.render import as_markdown
from warehouse.store import Store
from warehouse.tables import table_files, table_hash

RUN_TABLES = ("run.runs", "run.epochs", "run.fold_scores", "run.genre_ap", "run.timings")
RESULT_TABLES = ("report.results", "report.significance")
FIGURE_KEY = dg.AssetKey(["figures", "learning_curves"])
CATALOGUE_KEY = dg.AssetKey(["catalogue"])
REPORT_KEY = dg.AssetKey(["report", "html"])
MOST_NAMED = 5  # settings in one message


def results_assets(
    training_keys: Sequence[dg.AssetKey], data_keys: Sequence[dg.AssetKey] = ()
) -> list[dg.AssetsDefinition]:
    """The assets after training.

    Args:
        training_keys: The training assets that the run tables gather.
        data_keys: Assets that the catalogue and the page show besides results, so that they come first.
    """
    return [
        run_tables(training_keys),
        published_table(),
        result_tables(),
        *analyses_assets(),
        learning_curve_pictures(),
        catalogue(data_keys),
        report_page(data_keys),
    ]


def run_tables(training_keys: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """`run.*`: what the finished runs of the current plan left in their folders."""

    @table_assets(RUN_TABLES, group="results", deps=[table_key(PLANNED), *training_keys], name="run_tables")
    def gather(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        store, plan, planned = open_planned(mgc)
        try:
            tables = gather_runs(store, planned.all_runs())
        except RunFileError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        trains = not set(training_keys).isdisjoint(context.job_def.asset_layer.executable_asset_keys)
        keep_what_exists(context, store, tables["run.runs"], plan, trains=trains)
        changed = write_if_changed(store, tables)
        own = selected_runs(planned, context.job_def.asset_layer.executable_asset_keys)
        counts = finished_counts(plan, planned, own, tables["run.runs"]["run_id"].to_list())
        context.log.info("Finished runs: %s", "; ".join(f"{name}: {count}" for name, count in counts.items()))
        for name in RUN_TABLES:
            yield table_result(store, name, metadata=counts if name == "run.runs" else None, skipped=not changed)

    return gather


def keep_what_exists(
    context: dg.AssetExecutionContext, store: Store, runs: pl.DataFrame, plan: Plan, *, trains: bool
) -> None:
    """Do not replace finished runs by fewer; a job that trains only warns, for it follows what it was told to train.

    Raises:
        dagster.Failure: in a job without training, if settings of the plan would lose runs.
    """
    if not table_files(store, "run.runs"):
        return
    lost = fewer_runs(read_columns(store, "run.runs", "all", ["setting_id", "stage"]), runs, plan.settings)
    if not lost:
        return
    shown = f"{'; '.join(lost[:MOST_NAMED])}{' and others' if len(lost) > MOST_NAMED else ''}"
    what = (
        f"Fewer finished runs than {store.root} has results of, for {len(lost)} settings: {shown}. Their folders are "
        "gone, or the data, weights, settings or code that they rest on have changed."
    )
    if trains:
        context.log.warning("%s This job does not train them; `dagster job execute -j full_repro` does.", what)
        return
    raise dg.Failure(
        description=f"{what} Nothing was replaced. Train them with `dagster job execute -j full_repro`, take a new "
        f"store with MGC_STORE, or delete {store.table('run.runs')} to let the old results go.",
        allow_retries=False,
    )


def published_table() -> dg.AssetsDefinition:
    """`report.published`, from the experiment files."""

    @table_assets(("report.published",), group="report", name="published", kinds={"toml"})
    def write_published(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        store = mgc.open_store()
        frame = published(current_plan(mgc.settings().profile))
        changed = write_if_changed(store, {"report.published": frame})
        numbers = frame["printed_mean"].count()
        context.log.info("%d printed numbers of %d works", numbers, frame["work"].n_unique())
        yield table_result(store, "report.published", metadata={"printed_numbers": numbers}, skipped=not changed)

    return write_published


def result_tables() -> dg.AssetsDefinition:
    """`report.results` and `report.significance`."""
    upstream = [table_key(name) for name in (PLANNED, *FINISHED_FROM, "report.published")]

    @table_assets(RESULT_TABLES, group="report", deps=upstream, name="results")
    def write_results(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        store, plan, planned = open_planned(mgc)
        frames = results(plan, mgc.settings(), finished_of(store, plan, planned), planned.reasons)
        changed = write_if_changed(store, dict(zip(RESULT_TABLES, frames, strict=True)))
        rows = frames[0].unique(["work", "table_id", "row_id"])
        context.log.info("%d rows, %d of them done", rows.height, rows.filter(status="done").height)
        comparison = dg.MetadataValue.md(comparison_table(frames[0]))
        yield table_result(store, RESULT_TABLES[0], metadata={"printed beside ours": comparison}, skipped=not changed)
        yield table_result(store, RESULT_TABLES[1], skipped=not changed)

    return write_results


def comparison_table(frame: pl.DataFrame) -> str:
    """Markdown: the rows that are done, printed beside ours."""
    rows = []
    for line in frame.filter(status="done").sort("work", "table_id", "row_order", "metric").iter_rows(named=True):
        sides = [with_spread(line[f"{side}_mean"], line[f"{side}_sd"]) for side in ("printed", "ours")]
        name = " ".join(part for part in (line["work"], line["table_id"]) if part)
        state = "; ".join(words for words in (line["status"], line["note"]) if words)
        rows.append((name, line["row_label"], line["metric"], *sides, state))
    return as_markdown(["table", "row", "metric", "printed", "ours", "status"], rows)


def learning_curve_pictures() -> dg.AssetsDefinition:
    """The learning curves of all finished runs, a picture per work."""

    @dg.asset(
        key=FIGURE_KEY,
        deps=[table_key("run.epochs"), table_key("run.runs")],
        group_name="results",
        kinds={"matplotlib"},
        owners=OWNERS,
        code_version=str(DRAWN.version),
        description="Mean losses per epoch of pretraining and training with their range over folds, by setting.",
    )
    def draw(mgc: MgcResource) -> dg.MaterializeResult:
        store = mgc.open_store()
        runs, epochs = frame_of(store, "run.runs"), frame_of(store, "run.epochs")
        inputs = DRAWN.inputs(table_hash(store, "run.runs"), table_hash(store, "run.epochs"))
        shown: dict[str, dg.MetadataValue] = {}
        drawn = False
        for work in sorted(runs["work"].unique()):
            path = store.figures / f"learning_curves_{work}.png"
            draw_work = partial(learning_curves, runs.filter(work=work), epochs, path)
            drawn = make_file(store, path, inputs, draw_work) or drawn
            shown[path.stem] = picture(path)
        return dg.MaterializeResult(metadata={**shown, "unchanged": not drawn})

    return draw


def catalogue(data_keys: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The DuckDB file."""

    @dg.asset(
        key=CATALOGUE_KEY,
        deps=[*data_keys, *map(table_key, (PLANNED, *RUN_TABLES, *RESULT_TABLES, "report.published")), *ANALYSES],
        group_name="report",
        kinds={"duckdb"},
        owners=OWNERS,
        description="mgc.duckdb: the small tables themselves, views on the large ones, and one view per printed table.",
    )
    def export(mgc: MgcResource) -> dg.MaterializeResult:
        store = mgc.open_store()
        inputs = CATALOGUE.inputs({name: table_hash(store, name) for name in load_contract()})
        written = make_file(store, store.catalogue, inputs, lambda: export_catalogue(store))
        return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(store.catalogue), "unchanged": not written})

    return export


def report_page(data_keys: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The HTML page."""

    @dg.asset(
        key=REPORT_KEY,
        deps=[*data_keys, *map(table_key, RESULT_TABLES), table_key("run.runs"), FIGURE_KEY, *ANALYSES],
        group_name="report",
        kinds={"html"},
        owners=OWNERS,
        description="report.html: every printed table beside ours, corpora step by step and figures, in one file.",
    )
    def write_page(mgc: MgcResource) -> dg.MaterializeResult:
        store = mgc.open_store()
        settings = mgc.settings()
        plan = current_plan(settings.profile)
        written = write_report(store, plan, settings.data_kind, missing_weights(settings))
        return dg.MaterializeResult(metadata={"path": dg.MetadataValue.path(store.report), "unchanged": not written})

    return write_page
