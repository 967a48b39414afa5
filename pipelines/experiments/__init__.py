"""The experiment plan: every printed table, the settings behind its rows, and the runs they come to.

`load_plan` reads `pipelines/experiments`, `runs_for` turns a setting into training runs, and `row_status` says how
a row stands.
"""

from mgc_models.config.run import Source
from pipelines.experiments.plan import IMPLEMENTED, Plan, Pretraining, Setting
from pipelines.experiments.resolve import load_plan
from pipelines.experiments.runs import TrainingData, pretrain_runs, runs_for
from pipelines.experiments.schema import Metric, PlanError, Printed, PrintedTable, Row
from pipelines.experiments.status import blocked, row_status

__all__ = [
    "IMPLEMENTED",
    "Metric",
    "Plan",
    "PlanError",
    "Pretraining",
    "Printed",
    "PrintedTable",
    "Row",
    "Setting",
    "Source",
    "TrainingData",
    "blocked",
    "load_plan",
    "pretrain_runs",
    "row_status",
    "runs_for",
]
