"""Hours and parameters of trained settings beside those that a source prints of its own."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mgc_models.artifacts.run_folder import TIMING
from mgc_models.config.run import Run
from pipelines.experiments import Plan
from pipelines.training.planned import PlannedRuns, is_finished, result_path
from warehouse.parsing import read
from warehouse.store import Store

_FILE = Path(__file__).with_name("printed_costs.toml")


@cache
def _printed() -> Mapping[str, Mapping[str, Any]]:
    return read(_FILE, dict[str, dict[str, Any]])


def cost_lines(store: Store, plan: Plan, planned: PlannedRuns) -> Iterator[str]:
    """One line for each setting whose source prints its costs, once its runs are finished.

    `jiang2024_mae: 130.4 M parameters in pretraining (printed 130 M); 0.5 h pretraining (printed 15 h) …`
    """
    for setting_id, printed in _printed().items():
        before = planned.pretrain.get(plan.pretraining_of.get(setting_id, ""), [])
        after = planned.runs.get(setting_id, [])
        runs: list[Run] = [*before, *after]
        if before and after and all(is_finished(store, run.run_id) for run in runs):
            size = json.loads(result_path(store, before[0].run_id).read_text(encoding="utf-8"))["parameters"]
            yield (
                f"{setting_id}: {size / 1e6:.1f} M parameters in pretraining (printed "
                f"{printed['parameters'] / 1e6:.0f} M); {_hours(store, before):.2g} h pretraining (printed "
                f"{printed['hours_pretraining']} h), {_hours(store, after):.2g} h fine-tuning (printed "
                f"{printed['hours_fine_tuning']} h); {printed['source']}; profile {plan.profile}"
            )


def _hours(store: Store, runs: Sequence[Run]) -> float:
    files = [store.run(run.run_id) / TIMING for run in runs]
    return float(sum(json.loads(file.read_text(encoding="utf-8"))["duration_wall_s"] for file in files)) / 3600
