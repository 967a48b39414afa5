"""The runs that the current plan, configuration and corpora come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.plan.models import IMPLEMENTED
from pipelines.plan.runs import runs_for
from pipelines.plan.schema import Plan
from pipelines.settings import Settings
from pipelines.training_data import NotTrainable, training_data
from warehouse.store import Store


@dataclass(frozen=True)
class PlannedRuns:
    """Runs of the settings that can be trained, and why the others cannot.

    Attributes:
        runs: RUN mappings by setting_id, in fold order.
        reasons: By setting_id, why a setting whose model exists has no runs.
    """

    runs: Mapping[str, list[dict[str, Any]]]
    reasons: Mapping[str, str]

    def all_runs(self) -> list[dict[str, Any]]:
        """Every run once, in plan order."""
        return list({run["run_id"]: run for runs in self.runs.values() for run in runs}.values())


def planned_runs(store: Store, plan: Plan, settings: Settings) -> PlannedRuns:
    """Work out the runs of every setting whose model exists, from the tables as they are in the store.

    Writes the training-inputs files that the runs read, where they are not there yet.
    """
    runs: dict[str, list[dict[str, Any]]] = {}
    reasons: dict[str, str] = {}
    for setting in plan.settings.values():
        if setting.model not in IMPLEMENTED:
            continue
        data = training_data(store, settings, setting)
        if isinstance(data, NotTrainable):
            reasons[setting.setting_id] = data.reason
        else:
            runs[setting.setting_id] = runs_for(plan, setting.setting_id, data, settings.weights, settings.data_kind)
    return PlannedRuns(runs, reasons)
