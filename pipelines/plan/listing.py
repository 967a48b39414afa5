"""The plan as lines for a terminal or as JSON: tables, rows, settings, runs, what is done and what it would cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.plan.runs import canonical_json
from pipelines.plan.schema import Plan, PrintedTable, Setting
from pipelines.plan.status import row_status
from pipelines.settings import Settings


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
                    "runs": setting.folds if setting else 0,
                    "finished": finished.get(setting.setting_id, 0) if setting else 0,
                    "status": row_status(row, setting, settings, finished, reasons),
                }
            )
    return lines


def used_settings(plan: Plan, tables: Sequence[PrintedTable]) -> list[Setting]:
    """The settings behind some tables, each once."""
    found = [setting for table in tables for row in table.rows if (setting := plan.setting(table, row))]
    return list({setting.setting_id: setting for setting in found}.values())


def pretraining_key(setting: Setting) -> str | None:
    """What a setting's pretraining is made of; None without one. Settings with equal keys share the pretraining."""
    pretrain = setting.settings.get("pretrain")
    if not pretrain or not pretrain["enabled"]:
        return None
    parts = ("seed", "model", "audio", "text", "pretrain")
    return canonical_json({part: setting.settings[part] for part in parts if part in setting.settings})


def summary(settings: Sequence[Setting]) -> dict[str, Any]:
    """Counts and the rough cost at paper size."""
    pretrainings = {key: setting for setting in settings if (key := pretraining_key(setting))}
    estimated = [setting for setting in settings if setting.cost]
    hours = sum(setting.cost.get("gpu_hours_per_fold", 0.0) * setting.folds for setting in estimated)
    hours += sum(setting.cost.get("gpu_hours_pretraining", 0.0) for setting in pretrainings.values())
    return {
        "settings": len(settings),
        "pretrainings": len(pretrainings),
        "runs": sum(setting.folds for setting in settings),
        "gpu_hours_estimate": round(hours, 1),
        "settings_without_estimate": len(settings) - len(estimated),
    }


def as_text(rows: Sequence[Mapping[str, Any]], totals: Mapping[str, Any]) -> str:
    """A table for a terminal, and the totals below it."""
    header = ("table", "row", "setting", "done", "status")
    cells = [
        (
            line["table"],
            line["row_id"],
            line["setting_id"] or "(quoted)",
            f"{line['finished']}/{line['runs']}",
            line["status"],
        )
        for line in rows
    ]
    widths = [max(len(line[column]) for line in [header, *cells]) for column in range(len(header))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in [header, *cells]
    ]
    without = totals["settings_without_estimate"]
    note = f"; {without} settings have no estimate yet" if without else ""
    lines.append("")
    lines.append(
        f"{totals['settings']} settings, {totals['pretrainings']} pretrainings, {totals['runs']} runs (one per fold). "
        f"Rough estimate at paper size: {totals['gpu_hours_estimate']:g} GPU-hours{note}."
    )
    return "\n".join(lines)
