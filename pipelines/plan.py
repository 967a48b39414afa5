"""`python -m pipelines.plan`: list the plan, what is done, and a rough cost."""

import argparse
import json
import sys
from pathlib import Path

from mgc_models.config.run import Run
from pipelines.config import PROFILES, SettingsError, from_environment
from pipelines.experiments.plan import Plan
from pipelines.experiments.resolve import load_plan
from pipelines.experiments.schema import PlanError, PrintedTable
from pipelines.slurm.jobs import JobsError, write_jobs
from pipelines.training.costs import cost_lines
from pipelines.training.listing import as_text, plan_rows, totals, used_settings
from pipelines.training.planned import PlannedRuns, is_finished
from pipelines.training.planned_table import PlannedError, read_planned
from warehouse.contract import ContractError
from warehouse.parsing import plain
from warehouse.store import Store


def main(arguments: list[str] | None = None) -> int:
    """Print the plan; 2 when it, the configuration or the store cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.plan",
        description="List every printed table: its rows, the setting behind each row (equal settings are trained "
        "once), how many of its runs are finished, and a rough cost at paper size. Reads pipelines/experiments and "
        "the store, and writes nothing but what --jobs asks for.",
        epilog="Examples: python -m pipelines.plan --work jiang2024 | python -m pipelines.plan --profile paper --json. "
        "The configuration (MGC_STORE, MGC_PROFILE, MGC_MUSIC4ALL_DIR, …) decides what counts as finished.",
    )
    parser.add_argument("--work", help="only this work: jiang2024, ru2023, nandy2021 or wongchemelli2023")
    parser.add_argument("--profile", choices=PROFILES, help="settings to list (default: MGC_PROFILE, else sample)")
    parser.add_argument(
        "--jobs",
        type=Path,
        metavar="DIR",
        help="write the unfinished runs as jobs of Slurm to this folder instead; DIR/submit.sh submits them",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: rows, settings with all values, totals")
    options = parser.parse_args(arguments)
    try:
        if options.jobs:
            print(slurm_jobs(options.work, options.profile, options.jobs))
        else:
            print(listing(options.work, options.profile, as_json=options.json))
    except (PlanError, PlannedError, SettingsError, ContractError, JobsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def tables_of(work: str | None, profile: str) -> tuple[Plan, list[PrintedTable]]:
    """The plan of a profile, and its tables or those of one work.

    Raises:
        PlanError: for an unknown work, or an experiment file that cannot be used.
    """
    plan = load_plan(profile)
    tables = [table for table in plan.tables if work in (None, table.work)]
    if not tables:
        raise PlanError(f"Unknown work {work!r}; there are {', '.join(sorted({t.work for t in plan.tables}))}.")
    return plan, tables


def slurm_jobs(work: str | None, profile: str | None, folder: Path) -> str:
    """Write the unfinished runs as jobs of Slurm; returns what was written, as text.

    Raises:
        PlanError, PlannedError, JobsError: as `tables_of`, `read_planned` and `write_jobs`.
    """
    configured = from_environment()
    plan, tables = tables_of(work, profile or configured.profile)
    store = Store(configured.store)
    planned = read_planned(store, plan, configured)
    ids = [setting.setting_id for setting in used_settings(plan, tables) if setting.setting_id in planned.runs]
    before = dict.fromkeys(plan.pretraining_of[name] for name in ids if name in plan.pretraining_of)
    stages: dict[str, list[Run]] = {
        "pretrain": [run for name in before for run in planned.pretrain.get(name, [])],
        "finetune": [run for name in ids for run in planned.runs[name]],
    }
    counts = write_jobs(store, folder, stages)
    tasks = (
        " and ".join(f"{count} {name} tasks" for name, count in counts.items()) or "no runs to train, only the report"
    )
    return f"{folder}: {tasks}. To submit them: {folder}/submit.sh [options of sbatch; default --gpus-per-task=1]"


def listing(work: str | None, profile: str | None, *, as_json: bool) -> str:
    """The plan as text.

    Raises:
        PlanError: for an unknown work, or an experiment file that cannot be used.
    """
    configured = from_environment()
    plan, tables = tables_of(work, profile or configured.profile)
    store = Store(configured.store)
    try:
        planned = read_planned(store, plan, configured)
    except PlannedError as error:
        print(f"note: {error} Until then nothing counts as finished.", file=sys.stderr)
        planned = PlannedRuns({}, {}, {})
    behind = planned.behind(plan)
    finished = {name: sum(is_finished(store, run.run_id) for run in runs) for name, runs in behind.items()}
    rows = plan_rows(plan, tables, configured, finished, planned.reasons)
    settings = used_settings(plan, tables)
    if not as_json:
        return "\n".join([as_text(rows, totals(plan, tables)), *cost_lines(store, plan, planned)])
    details = {
        setting.setting_id: {
            "model": setting.model,
            "data": plain(setting.data),
            "settings": plain(setting.settings),
            "run_ids": [run.run_id for run in behind.get(setting.setting_id, [])],
        }
        for setting in settings
    }
    content = {"rows": rows, "settings": details, "totals": totals(plan, tables)}
    return json.dumps(content, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
