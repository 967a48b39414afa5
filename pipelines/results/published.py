"""`report.published`: every number the four works print, from the experiment files."""

import polars as pl

from pipelines.experiments.plan import Plan
from pipelines.tables import typed_frame


def published(plan: Plan) -> pl.DataFrame:
    """One row per metric of every printed row; its numbers are null where the source prints none."""
    return typed_frame(
        "report.published",
        [
            {
                "work": table.work,
                "table_id": table.table_id,
                "table_title": table.title,
                "row_id": row.row_id,
                "row_order": order,
                "row_label": row.label,
                "metric": metric.name,
                "printed_mean": row.printed_number(metric).mean,
                "printed_sd": row.printed_number(metric).sd,
                "printed_stars": row.printed_number(metric).mark,
                "printed_unit": metric.unit,
                "citation": f"{table.source}: {row.label}, {metric.label}",
            }
            for table in plan.tables
            for order, row in enumerate(table.rows, start=1)
            for metric in table.metrics
            if not metric.is_extra
        ],
    )
