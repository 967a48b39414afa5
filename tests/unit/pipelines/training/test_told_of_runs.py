"""What Dagster and the listing of the plan tell of finished trainings."""

import json
from pathlib import Path
from types import SimpleNamespace

from mgc_models.execution.run_log import LOSS_BALANCE, EventLog
from pipelines.assets.training import balance_table
from pipelines.experiments import load_plan
from pipelines.training.costs import cost_lines
from pipelines.training.planned import PlannedRuns
from warehouse.store import Store


def test_the_balance_of_the_losses_stands_in_the_metadata_of_a_pretraining(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for run_id in ("told", "silent"):
        store.run(run_id).mkdir(parents=True)
    EventLog(store.run("told") / "events.jsonl").write(LOSS_BALANCE, **{"share of contrastive_loss": 1.4e-5})
    assert balance_table(store, ["told", "silent"]).splitlines()[2:] == [
        "| told | share of contrastive_loss | 1.4e-05 |"
    ]
    assert balance_table(store, ["silent"]) == ""


def test_hours_and_parameters_stand_beside_those_that_the_thesis_prints(tmp_path: Path) -> None:
    store, plan = Store(tmp_path), load_plan("paper")
    runs = {"pre": 5400.0, "fold0": 1800.0, "fold1": 3600.0}
    for run_id, seconds in runs.items():
        store.run(run_id).mkdir(parents=True)
        (store.run(run_id) / "timing.json").write_text(json.dumps({"duration_wall_s": seconds}))
    before, after = [SimpleNamespace(run_id="pre")], [SimpleNamespace(run_id="fold0"), SimpleNamespace(run_id="fold1")]
    planned = PlannedRuns({"jiang2024_mae": after}, {}, {"jiang2024_mae": before})
    assert not list(cost_lines(store, plan, planned)), "nothing is finished"
    for run_id in runs:
        (store.run(run_id) / "result.json").write_text(json.dumps({"parameters": 130_410_000}))
    (line,) = cost_lines(store, plan, planned)
    assert line.startswith("jiang2024_mae: 130.4 M parameters in pretraining (printed 130 M); 1.5 h pretraining")
    assert "(printed 15 h), 1.5 h fine-tuning (printed 15 h); Jiang (2024), section 5.2.1, one H100" in line
