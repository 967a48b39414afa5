"""Group training: one asset per setting of the plan whose model exists; its folds are trained in one child process."""

import json
from statistics import mean, stdev

import dagster as dg

from pipelines.assets.common import table_key
from pipelines.launch import launch
from pipelines.plan import IMPLEMENTED, Plan, Setting, runs_for
from pipelines.resources import MgcResource
from pipelines.training_data import NotTrainable, training_data
from warehouse.store import Store

UPSTREAM = ("corpus.folds", "genre.frequency", "feature.shards", "feature.index")


def evaluate_key(setting_id: str) -> dg.AssetKey:
    """Key of the asset that trains and evaluates a setting."""
    return dg.AssetKey(["evaluate", setting_id])


def training_assets(plan: Plan) -> list[dg.AssetsDefinition]:
    """One asset per setting whose model exists."""
    return [evaluate_asset(plan, setting) for setting in plan.settings.values() if setting.model in IMPLEMENTED]


def printed_in(plan: Plan, setting: Setting) -> str:
    """The printed rows that a setting stands behind, in words."""
    rows = [" ".join(row).strip() for row, setting_id in plan.setting_of.items() if setting_id == setting.setting_id]
    return "; ".join(rows)


def scores_table(store: Store, run_ids: list[str]) -> str:
    """Mean and standard deviation of each metric over the runs, as Markdown."""
    scores = [json.loads((store.run(run_id) / "result.json").read_text())["scores"] for run_id in run_ids]
    lines = ["| metric | mean | sd |", "|---|---|---|"]
    for metric in scores[0]:
        values = [fold[metric] for fold in scores if fold[metric] is not None]
        if values:
            spread = f"{stdev(values):.4f}" if len(values) > 1 else ""
            lines.append(f"| {metric} | {mean(values):.4f} | {spread} |")
    return "\n".join(lines)


def evaluate_asset(plan: Plan, setting: Setting) -> dg.AssetsDefinition:
    """The asset that trains and evaluates one setting on all its folds."""

    @dg.asset(
        key=evaluate_key(setting.setting_id),
        deps=[table_key(name) for name in UPSTREAM],
        group_name="training",
        kinds={"pytorch"},
        owners=["team:models"],
        tags={"mgc/work": setting.work},
        pool="gpu",
        description=f"Trains and evaluates {setting.setting_id} on {setting.folds} folds of "
        f"{setting.data['corpus']} ({setting.data['scheme']}). Printed in: {printed_in(plan, setting)}.",
    )
    def evaluate(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        settings, store = mgc.settings(), mgc.open_store()
        data = training_data(store, settings, setting)
        if isinstance(data, NotTrainable):
            context.log.warning("%s: not run: %s", setting.setting_id, data.reason)
            return dg.MaterializeResult(metadata={"status": f"not run: {data.reason}"})
        runs = runs_for(plan, setting.setting_id, data, settings.weights, settings.data_kind)
        trained = launch(context, pipes, store, setting.setting_id, runs)
        run_ids = [run["run_id"] for run in runs]
        return dg.MaterializeResult(
            metadata={
                "status": "done",
                "runs_trained_now": trained,
                "unchanged": trained == 0,
                "run_ids": run_ids,
                "scores": dg.MetadataValue.md(scores_table(store, run_ids)),
            }
        )

    return evaluate
