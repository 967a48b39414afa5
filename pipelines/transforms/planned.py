"""The runs that the current plan, configuration and corpora come to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pipelines.plan import Plan
from pipelines.plan.models import IMPLEMENTED
from pipelines.settings import Settings
from pipelines.training_data import NotTrainable, Run, pretraining_runs_of, runs_of
from warehouse.store import Store


@dataclass(frozen=True)
class PlannedRuns:
    """Runs of the settings that can be trained, and why the others cannot.

    Attributes:
        runs: RUN mappings by setting_id, in the order of folds and seeds.
        reasons: By setting_id, why a setting whose model exists has no runs.
        pretrain: RUN mappings by name of the pretraining.
    """

    runs: Mapping[str, list[Run]]
    reasons: Mapping[str, str]
    pretrain: Mapping[str, list[Run]]

    def all_runs(self) -> list[Run]:
        """Every run once, pretrainings before what starts from them, else in plan order."""
        runs = [run for group in (*self.pretrain.values(), *self.runs.values()) for run in group]
        return list({run["run_id"]: run for run in reversed(runs)}.values())[::-1]

    def behind(self, plan: Plan) -> dict[str, list[Run]]:
        """By setting_id, the runs whose results a row shows: fine-tunings, or the pretraining where there are none."""
        return {name: runs or self.pretrain[plan.pretraining_of[name]] for name, runs in self.runs.items()}


def planned_runs(store: Store, plan: Plan, settings: Settings) -> PlannedRuns:
    """Work out the runs of every setting whose model exists, from the tables as they are in the store.

    Writes the training-inputs files that the runs read, where they are not there yet.
    """
    runs: dict[str, list[Run]] = {}
    pretrain: dict[str, list[Run]] = {}
    reasons: dict[str, str] = {}
    for setting in plan.settings.values():
        if setting.model not in IMPLEMENTED:
            continue
        pretraining = plan.pretraining(setting)
        if pretraining and pretraining.name not in pretrain:
            found = pretraining_runs_of(store, settings, plan, pretraining)
            if not isinstance(found, NotTrainable):
                pretrain[pretraining.name] = found
        group = runs_of(store, settings, plan, setting)
        if isinstance(group, NotTrainable):
            reasons[setting.setting_id] = group.reason
        else:
            runs[setting.setting_id] = group
    return PlannedRuns(runs, reasons, pretrain)


def finished_counts(plan: Plan, planned: PlannedRuns, own: Sequence[Run], finished: Collection[str]) -> dict[str, str]:
    """Finished runs of this job, `165 of 165`, and of the others, each under the name of the job that trains it.

    Args:
        plan: The plan.
        planned: Its runs.
        own: Those of this job; without any, as in a job that only reports, all are of others.
        finished: run_ids of the finished ones.
    """
    ids = {run["run_id"] for run in own}
    jobs: dict[str, list[str]] = {"this job": sorted(ids)} if ids else {}
    for run in planned.all_runs():
        if run["run_id"] not in ids:
            jobs.setdefault(f"job {plan.job_of(plan.users(run['setting_id']))}", []).append(run["run_id"])
    done = set(finished)
    return {name: f"{len(done.intersection(runs))} of {len(runs)}" for name, runs in jobs.items()}
