"""The plan as lines for a terminal or as JSON: tables, rows, settings, runs, what is done and what it would cost."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipelines.config import Settings
from pipelines.experiments.plan import Plan, Setting
from pipelines.experiments.schema import FINETUNE, Cost, PrintedTable
from pipelines.experiments.status import row_status
from warehouse.render import as_text as table_lines

TITLES = {"printed": "Printed rows", "pictures": "Printed pictures, besides", "extra": "Rows of ours, besides"}


def plan_rows(
    plan: Plan,
    tables: Sequence[PrintedTable],
    settings: Settings,
    finished: Mapping[str, int],
    reasons: Mapping[str, str],
) -> list[dict[str, Any]]:
    """One mapping per printed row."""
    lines = []
    for table in tables:
        for row in table.rows:
            setting = plan.setting(table, row)
            lines.append(
                {
                    "table": table.name,
                    "row_id": row.row_id,
                    "label": row.label,
                    "setting_id": setting.setting_id if setting else None,
                    "pretraining": plan.pretraining_of.get(setting.setting_id) if setting else None,
                    "extra": table.is_extra,
                    "runs": plan.run_count(setting) if setting else 0,
                    "finished": finished.get(setting.setting_id, 0) if setting else 0,
                    "status": row_status(plan, table, row, settings, finished, reasons),
                }
            )
    return lines


def used_settings(plan: Plan, tables: Sequence[PrintedTable]) -> list[Setting]:
    """The settings behind some tables, each once."""
    found = [setting for table in tables for row in table.rows if (setting := plan.setting(table, row))]
    return list({setting.setting_id: setting for setting in found}.values())


def summary(plan: Plan, settings: Sequence[Setting], shared: Collection[str] = ()) -> dict[str, Any]:
    """Counts and the rough cost at paper size; pretrainings that are `shared` with other rows are not counted again."""
    names = dict.fromkeys(plan.pretraining_of.get(setting.setting_id) for setting in settings)
    used = [plan.pretrainings[name] for name in names if name and name not in shared]
    estimated = [setting for setting in settings if setting.cost != Cost()]
    hours = sum(setting.cost.gpu_hours_per_fold * len(setting.repetitions) for setting in estimated)
    hours += sum(one.setting.cost.gpu_hours_pretraining * len(one.folds) for one in used)
    return {
        "settings": len(settings),
        "pretrainings": sum(len(one.folds) for one in used),
        "fine_tunings": sum(len(setting.repetitions) for setting in settings),
        "gpu_hours_estimate": round(hours, 1),
        "settings_without_estimate": len(settings) - len(estimated),
    }


def totals(plan: Plan, tables: Sequence[PrintedTable]) -> dict[str, dict[str, Any]]:
    """`summary` of the printed rows, and of what comes on top for pictures and for rows of ours."""
    printed = used_settings(plan, [table for table in tables if not table.is_extra and table.stage == FINETUNE])
    pictures = used_settings(plan, [table for table in tables if not table.is_extra and table.stage != FINETUNE])
    extra = used_settings(plan, [table for table in tables if table.is_extra])
    shown = {"printed": printed, "pictures": minus(pictures, printed), "extra": minus(extra, printed + pictures)}
    shared = {name for setting in printed if (name := plan.pretraining_of.get(setting.setting_id))}
    return {name: summary(plan, settings, shared if name != "printed" else ()) for name, settings in shown.items()}


def minus(settings: Sequence[Setting], others: Sequence[Setting]) -> list[Setting]:
    """The settings that are not among others."""
    known = {setting.setting_id for setting in others}
    return [setting for setting in settings if setting.setting_id not in known]


def as_text(rows: Sequence[Mapping[str, Any]], counts: Mapping[str, Mapping[str, Any]]) -> str:
    """A table for a terminal, and the totals below it."""
    header = ("table", "row", "setting", "done", "status")
    cells = [
        (r["table"], r["row_id"], r["setting_id"] or "(quoted)", f"{r['finished']}/{r['runs']}", r["status"])
        for r in rows
    ]
    lines = table_lines(header, cells, ruled=False)
    totals = [total_line(TITLES[name], count) for name, count in counts.items() if count["settings"]]
    return "\n".join([*lines, "", *totals])


def total_line(title: str, count: Mapping[str, Any]) -> str:
    """Counts and cost of some rows in words."""
    without = count["settings_without_estimate"]
    note = f"; {without} settings have no estimate yet" if without else ""
    return (
        f"{title}: {count['settings']} settings, {count['pretrainings']} pretrainings, "
        f"{count['fine_tunings']} fine-tunings (one per fold or seed). "
        f"Rough estimate at paper size: {count['gpu_hours_estimate']:g} GPU-hours{note}."
    )
