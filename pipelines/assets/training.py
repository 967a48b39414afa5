"""Asset groups `plan` and `training`: planned runs, and an asset for each pretraining and setting that trains them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from statistics import mean, stdev
from typing import Any

import dagster as dg

from mgc_models.config.run import Run
from mgc_models.execution.run_log import LOSS_BALANCE, EventLog
from pipelines.assets.passes import clear_failures
from pipelines.assets.resources import MgcResource
from pipelines.assets.tables import CONTRACT_CHECK, OWNERS, table_key, table_result, table_spec
from pipelines.experiments import Plan, PlanError, Pretraining, Setting, load_plan
from pipelines.results.collect import TestedResult, read_result
from pipelines.results.finished import scores_of
from pipelines.training.inputs import FOLDER
from pipelines.training.launch import TINY_PROFILES, launch
from pipelines.training.planned import PlannedRuns, is_finished
from pipelines.training.planned_table import NAME as PLANNED
from pipelines.training.planned_table import READ, PlannedError, read_planned, write_planned
from warehouse.contract import ContractError
from warehouse.render import as_markdown
from warehouse.store import Store

INPUTS = dg.AssetKey(["training", "inputs"])
PLANNED_RUNS = (INPUTS, table_key(PLANNED))
SMALL_RUNS = dg.AssetKey(["training", "small_runs"])
WORK = "mgc/work"
GROUP = "training"
PLANNED_GROUP = "plan"
trained_asset = partial(dg.asset, group_name=GROUP, kinds={"pytorch"}, owners=["team:models"], pool="gpu")


def finetune_key(setting_id: str) -> dg.AssetKey:
    """Key of the asset that trains and evaluates a setting."""
    return dg.AssetKey(["finetune", setting_id])


def pretrain_key(name: str) -> dg.AssetKey:
    """Key of the asset that pretrains."""
    return dg.AssetKey(["pretrain", name])


def training_assets(plan: Plan) -> list[dg.AssetsDefinition]:
    """One asset per pretraining and per setting, and the one that trains small runs together."""
    return [
        small_runs_asset(),
        *(pretrain_asset(plan, pretraining) for pretraining in plan.pretrainings.values()),
        *(finetune_asset(plan, setting) for setting in plan.settings.values() if setting.repetitions),
    ]


def printed_in(plan: Plan, setting: Setting) -> str:
    """Table rows that show a setting, such as `jiang2024 table_6_9 ours`."""
    rows = [" ".join(row).strip() for row, setting_id in plan.setting_of.items() if setting_id == setting.setting_id]
    return "; ".join(rows)


def scores_table(store: Store, runs: Sequence[Run]) -> str:
    """Mean and standard deviation of each metric over the runs, as Markdown."""
    scores = [one.scores for run in runs if isinstance(one := read_result(store, run), TestedResult)]
    rows = []
    for metric, by_run in scores_of(scores).items():
        values = [value for value in by_run if value is not None]
        if values:
            spread = f"{stdev(values):.4f}" if len(values) > 1 else ""
            rows.append((metric, f"{mean(values):.4f}", spread))
    return as_markdown(["metric", "mean", "sd"], rows)


def balance_table(store: Store, run_ids: Sequence[str]) -> str:
    """Give what pretrainings found of their losses before they began, as Markdown; empty for a loss of one term."""
    found = {run_id: EventLog(store.run(run_id) / "events.jsonl").records(LOSS_BALANCE) for run_id in run_ids}
    rows = [
        (run_id, name, f"{value:.3g}")
        for run_id, records in found.items()
        for name, value in (records[-1] if records else {}).items()
        if " of " in name
    ]
    return as_markdown(["run", "gradient at the start", "value"], rows) if rows else ""


def done_result(runs: Sequence[Run], trained: int, **more: Any) -> dg.MaterializeResult:
    """Materialisation of an asset whose runs are all finished."""
    run_ids = [run.run_id for run in runs]
    return dg.MaterializeResult(
        metadata={
            "status": "done",
            "runs_trained_now": trained,
            "unchanged": trained == 0,
            "run_ids": run_ids,
            **more,
        }
    )


def not_run_result(context: dg.AssetExecutionContext, name: str, planned: PlannedRuns) -> dg.MaterializeResult:
    """Materialisation of an asset that cannot be trained with this configuration."""
    reason = planned.reasons.get(name, "the plan of the configured profile does not hold it")
    context.log.warning("%s: not run: %s", name, reason)
    return dg.MaterializeResult(metadata={"status": f"not run: {reason}"})


def inputs_asset() -> dg.AssetsDefinition:
    """The asset that derives the runs of the plan from the tables and writes the files that they read."""

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                INPUTS,
                deps=[table_key(name) for name in READ],
                group_name=PLANNED_GROUP,
                kinds={"parquet"},
                owners=OWNERS,
                description="Labels and folds as training reads them, one file per corpus, split and set of features.",
            ),
            table_spec(PLANNED, group=PLANNED_GROUP, deps=[table_key(name) for name in READ]),
        ],
        check_specs=[dg.AssetCheckSpec(CONTRACT_CHECK, asset=table_key(PLANNED), blocking=True)],
        name="training_inputs",
    )
    def write_inputs(context: dg.AssetExecutionContext, mgc: MgcResource) -> Iterator[dg.MaterializeResult]:
        settings, store = mgc.settings(), mgc.open_store()
        plan = current_plan(settings.profile)
        with clear_failures():
            written = write_planned(store, plan, settings)
        planned = read_planned(store, plan, settings)
        context.log.info(
            "%d planned runs; %d settings cannot be trained", len(planned.all_runs()), len(planned.reasons)
        )
        files = sum(1 for _ in (store.root / FOLDER).glob("*.parquet"))
        yield dg.MaterializeResult(asset_key=INPUTS, metadata={"files": files, "unchanged": not written})
        yield table_result(store, PLANNED, skipped=not written)

    return write_inputs


def small_runs_asset() -> dg.AssetsDefinition:
    """The asset that trains all tiny runs of a job at once."""

    @trained_asset(
        key=SMALL_RUNS,
        deps=[*PLANNED_RUNS],
        description="Profiles sample and smoke: trains every run of the job's settings in one child process, side by "
        "side on all cores, because each takes about a second and a process of its own would take three more. The "
        "assets of the settings then find their runs finished. Profile paper: nothing is done here.",
    )
    def small_runs(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        settings = mgc.settings()
        if settings.profile not in TINY_PROFILES:
            return dg.MaterializeResult(metadata={"status": f"not needed for profile {settings.profile}"})
        store, _, planned = open_planned(mgc)
        runs = selected_runs(planned, context.job_def.asset_layer.executable_asset_keys)
        pending = sum(not is_finished(store, run.run_id) for run in runs)
        try:
            launch(context, pipes, store, SMALL_RUNS.path[-1], runs)
        except dg.Failure as failure:
            # What failed is tried again by its own asset, which then fails with the reason; the others go on.
            context.log.warning("%s", failure.description)
        left = sum(not is_finished(store, run.run_id) for run in runs)
        return dg.MaterializeResult(
            metadata={
                "status": "done" if not left else f"{left} runs are not finished",
                "runs_trained_now": pending - left,
                "unchanged": pending == 0,
            }
        )

    return small_runs


@cache
def current_plan(profile: str) -> Plan:
    """The plan of a profile.

    Raises:
        dagster.Failure: with one message when an experiment file cannot be used.
    """
    try:
        return load_plan(profile)
    except PlanError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def open_planned(mgc: MgcResource) -> tuple[Store, Plan, PlannedRuns]:
    """The store, the plan of the configured profile, and its runs as `run.planned` has them.

    Raises:
        dagster.Failure: with one message when they are missing or of other tables, experiments or settings.
    """
    store, settings = mgc.open_store(), mgc.settings()
    plan = current_plan(settings.profile)
    try:
        return store, plan, read_planned(store, plan, settings)
    except (PlannedError, ContractError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def shared_by(mgc: MgcResource) -> tuple[int, int]:
    """Accelerators of each host, and hosts, that share a run."""
    settings = mgc.settings()
    return settings.gpus, settings.nodes


def selected_runs(planned: PlannedRuns, selected: Iterable[dg.AssetKey]) -> list[Run]:
    """The runs of the assets that a job holds; pretrainings first."""
    keys = set(selected)
    wanted: list[Sequence[Run]] = [runs for name, runs in planned.pretrain.items() if pretrain_key(name) in keys]
    wanted += [runs for name, runs in planned.runs.items() if finetune_key(name) in keys]
    return list({run.run_id: run for runs in wanted for run in runs}.values())


def pretrain_asset(plan: Plan, pretraining: Pretraining) -> dg.AssetsDefinition:
    """The asset that pretrains shared by all settings with equal pretraining settings."""
    users = plan.users(pretraining.name)
    without = f", once without each test fold of {pretraining.scheme}" if pretraining.scheme else ""

    @trained_asset(
        key=pretrain_key(pretraining.name),
        deps=[*PLANNED_RUNS, SMALL_RUNS],
        tags={WORK: plan.job_of(users)},
        description=f"Pretrains on {' and '.join(pretraining.corpora)}{without}. "
        f"For {', '.join(setting.setting_id for setting in users)}.",
    )
    def pretrain(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        store, _, planned = open_planned(mgc)
        runs = planned.pretrain.get(pretraining.name)
        if runs is None:
            return not_run_result(context, pretraining.name, planned)
        name = f"pretrain_{pretraining.name}"
        trained = launch(context, pipes, store, name, runs, *shared_by(mgc))
        balance = balance_table(store, [run.run_id for run in runs])
        return done_result(runs, trained, **({LOSS_BALANCE: dg.MetadataValue.md(balance)} if balance else {}))

    return pretrain


def finetune_asset(plan: Plan, setting: Setting) -> dg.AssetsDefinition:
    """The asset that trains and evaluates one setting on all its folds or with all its seeds."""
    pretraining = plan.pretraining(setting)
    before = [pretrain_key(pretraining.name)] if pretraining else []
    data = setting.data
    repeated = f"with seeds {list(data.seeds)} on" if data.seeds else f"on {data.folds} folds of"

    @trained_asset(
        key=finetune_key(setting.setting_id),
        deps=[*PLANNED_RUNS, SMALL_RUNS, *before],
        tags={WORK: plan.job_of([setting])},
        description=f"Trains and evaluates {setting.setting_id} {repeated} {data.corpus} ({data.scheme}). "
        f"Shown in: {printed_in(plan, setting)}.",
    )
    def finetune(
        context: dg.AssetExecutionContext, mgc: MgcResource, pipes: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult:
        store, current, planned = open_planned(mgc)
        runs = planned.runs.get(setting.setting_id)
        if runs is None:
            return not_run_result(context, setting.setting_id, planned)
        needed = planned.pretrain.get(current.pretraining_of.get(setting.setting_id, ""), [])
        # The pretraining is finished, unless this asset was started without it.
        trained = launch(context, pipes, store, setting.setting_id, [*needed, *runs], *shared_by(mgc))
        scores = dg.MetadataValue.md(scores_table(store, runs))
        return done_result(runs, trained, scores=scores)

    return finetune
