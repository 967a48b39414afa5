"""Group training: one asset per pretraining and per setting of the plan whose model exists, in child processes."""

import json
from collections.abc import Iterable, Sequence
from functools import partial
from statistics import mean, stdev
from typing import Any

import dagster as dg

from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import table_key
from pipelines.experiments import IMPLEMENTED, Plan, PlanError, Pretraining, Setting, load_plan
from pipelines.results.finished import scores_of
from pipelines.training.launch import TINY_PROFILES, is_finished, launch
from pipelines.training.planned import NotTrainable, PlannedRuns, Run, planned_runs, pretraining_runs_of, runs_of
from warehouse.store import Store

UPSTREAM = ("corpus.folds", "genre.frequency", "genre.correlation", "feature.shards", "feature.index")
SMALL_RUNS = dg.AssetKey(["training", "small_runs"])
WORK = "mgc/work"
GROUP = "training"
trained_asset = partial(dg.asset, group_name=GROUP, kinds={"pytorch"}, owners=["team:models"], pool="gpu")


def finetune_key(setting_id: str) -> dg.AssetKey:
    """Key of the asset that trains and evaluates a setting."""
    return dg.AssetKey(["finetune", setting_id])


def pretrain_key(name: str) -> dg.AssetKey:
    """Key of the asset that pretrains."""
    return dg.AssetKey(["pretrain", name])


def training_assets(plan: Plan) -> list[dg.AssetsDefinition]:
    """One asset per pretraining and per setting whose model exists, and the one that trains small runs together."""
    settings = [setting for setting in plan.settings.values() if setting.model in IMPLEMENTED]
    pretrainings = [one for one in plan.pretrainings.values() if one.setting.model in IMPLEMENTED]
    return [
        small_runs_asset(),
        *(pretrain_asset(plan, pretraining) for pretraining in pretrainings),
        *(finetune_asset(plan, setting) for setting in settings if setting.repetitions),
    ]


def printed_in(plan: Plan, setting: Setting) -> str:
    """The rows that a setting stands behind, in words."""
    rows = [" ".join(row).strip() for row, setting_id in plan.setting_of.items() if setting_id == setting.setting_id]
    return "; ".join(rows)


def scores_table(store: Store, run_ids: list[str]) -> str:
    """Mean and standard deviation of each metric over the runs, as Markdown."""
    scores = [json.loads((store.run(run_id) / "result.json").read_text())["scores"] for run_id in run_ids]
    lines = ["| metric | mean | sd |", "|---|---|---|"]
    for metric, by_run in scores_of(scores).items():
        values = [value for value in by_run if value is not None]
        if values:
            spread = f"{stdev(values):.4f}" if len(values) > 1 else ""
            lines.append(f"| {metric} | {mean(values):.4f} | {spread} |")
    return "\n".join(lines)


def done_result(runs: Sequence[Run], trained: int, **more: Any) -> dg.MaterializeResult:
    """Materialisation of an asset whose runs are all finished."""
    run_ids = [run["run_id"] for run in runs]
    return dg.MaterializeResult(
        metadata={
            "status": "done",
            "runs_trained_now": trained,
            "unchanged": trained == 0,
            "run_ids": run_ids,
            **more,
        }
    )


def not_run_result(context: dg.AssetExecutionContext, name: str, reason: str) -> dg.MaterializeResult:
    """Materialisation of an asset that cannot be trained with this configuration."""
    context.log.warning("%s: not run: %s", name, reason)
    return dg.MaterializeResult(metadata={"status": f"not run: {reason}"})


def small_runs_asset() -> dg.AssetsDefinition:
    """The asset that trains all tiny runs of a job at once."""

    @trained_asset(
        key=SMALL_RUNS,
        deps=[table_key(name) for name in UPSTREAM],
        description="Profiles sample and smoke: trains every run of the job's settings in one child process, side by "
        "side on all cores, because each takes about a second and a process of its own would take three more. The "
        "assets of the settings then find their runs finished. Profile paper: nothing is done here.",
    )
    def small_runs(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        settings, store = mgc.settings(), mgc.open_store()
        if settings.profile not in TINY_PROFILES:
            return dg.MaterializeResult(metadata={"status": f"not needed for profile {settings.profile}"})
        planned = planned_runs(store, current_plan(settings.profile), settings)
        runs = selected_runs(planned, context.job_def.asset_layer.executable_asset_keys)
        pending = sum(not is_finished(store, run["run_id"]) for run in runs)
        try:
            launch(context, pipes, store, SMALL_RUNS.path[-1], runs)
        except dg.Failure as failure:
            # What failed is tried again by its own asset, which then fails with the reason; the others go on.
            context.log.warning("%s", failure.description)
        left = sum(not is_finished(store, run["run_id"]) for run in runs)
        return dg.MaterializeResult(
            metadata={
                "status": "done" if not left else f"{left} runs are not finished",
                "runs_trained_now": pending - left,
                "unchanged": pending == 0,
            }
        )

    return small_runs


def current_plan(profile: str) -> Plan:
    """The plan of a profile.

    Raises:
        dagster.Failure: with one message when an experiment file cannot be used.
    """
    try:
        return load_plan(profile)
    except PlanError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def selected_runs(planned: PlannedRuns, selected: Iterable[dg.AssetKey]) -> list[Run]:
    """The runs of the assets that a job holds; pretrainings first."""
    keys = set(selected)
    wanted = [runs for name, runs in planned.pretrain.items() if pretrain_key(name) in keys]
    wanted += [runs for name, runs in planned.runs.items() if finetune_key(name) in keys]
    return list({run["run_id"]: run for runs in wanted for run in runs}.values())


def pretrain_asset(plan: Plan, pretraining: Pretraining) -> dg.AssetsDefinition:
    """The asset that pretrains for every setting that asks for the same."""
    users = plan.users(pretraining.name)
    without = f", once without each test fold of {pretraining.scheme}" if pretraining.scheme else ""

    @trained_asset(
        key=pretrain_key(pretraining.name),
        deps=[*(table_key(name) for name in UPSTREAM), SMALL_RUNS],
        tags={WORK: plan.job_of(users)},
        description=f"Pretrains on {' and '.join(pretraining.corpora)}{without}. "
        f"For {', '.join(setting.setting_id for setting in users)}.",
    )
    def pretrain(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        settings, store = mgc.settings(), mgc.open_store()
        runs = pretraining_runs_of(store, settings, plan, pretraining)
        if isinstance(runs, NotTrainable):
            return not_run_result(context, pretraining.name, runs.reason)
        name = f"pretrain_{pretraining.name}"
        return done_result(runs, launch(context, pipes, store, name, runs, settings.gpus))

    return pretrain


def finetune_asset(plan: Plan, setting: Setting) -> dg.AssetsDefinition:
    """The asset that trains and evaluates one setting on all its folds or with all its seeds."""
    pretraining = plan.pretraining(setting)
    before = [pretrain_key(pretraining.name)] if pretraining else []
    data = setting.data
    repeated = f"with seeds {data['seeds']} on" if "seeds" in data else f"on {data['folds']} folds of"

    @trained_asset(
        key=finetune_key(setting.setting_id),
        deps=[*(table_key(name) for name in UPSTREAM), SMALL_RUNS, *before],
        tags={WORK: plan.job_of([setting])},
        description=f"Trains and evaluates {setting.setting_id} {repeated} {data['corpus']} ({data['scheme']}). "
        f"Shown in: {printed_in(plan, setting)}.",
    )
    def finetune(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        settings, store = mgc.settings(), mgc.open_store()
        runs = runs_of(store, settings, plan, setting)
        if isinstance(runs, NotTrainable):
            return not_run_result(context, setting.setting_id, runs.reason)
        needed = pretraining_runs_of(store, settings, plan, pretraining) if pretraining else []
        needed = [] if isinstance(needed, NotTrainable) else needed
        # The pretraining is finished, unless this asset was started without it.
        trained = launch(context, pipes, store, setting.setting_id, [*needed, *runs], settings.gpus)
        scores = dg.MetadataValue.md(scores_table(store, [run["run_id"] for run in runs]))
        return done_result(runs, trained, scores=scores)

    return finetune
