"""Says how far a row is: done, not run (and why), or not implemented."""

from collections.abc import Mapping

from pipelines.config import DATASET_VARIABLES, Settings
from pipelines.experiments.plan import Plan, Setting
from pipelines.experiments.runs import TrainingData
from pipelines.experiments.schema import PrintedTable, Row

DONE = "done"
NOT_IMPLEMENTED = "not implemented"
NOT_RUN = "not run: "
SPLIT_PARTS = ("train", "validation", "test")


def missing_datasets(datasets: tuple[str, ...], settings: Settings) -> str:
    """`MGC_MSD_DIR is not set`, with every variable that is missing; empty when none is."""
    names = [DATASET_VARIABLES[name] for name in datasets if not settings.is_configured(name)]
    if not names:
        return ""
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not set"


def blocked(setting: Setting, data: TrainingData) -> str:
    """Why the data do not allow a setting to be trained; empty when they do.

    Args:
        setting: A setting.
        data: Its corpus and split.
    """
    parts = setting.data.folds or len(SPLIT_PARTS)
    empty = [fold for fold in range(parts) if not data.fold_tracks.get(fold)]
    if empty:
        labelled = sum(data.fold_tracks.values())
        left = f"{len(empty)} of {parts} folds empty"
        return f"corpus {data.corpus} has {labelled} labelled tracks, which leave {left}"
    return ""


def row_status(
    plan: Plan,
    table: PrintedTable,
    row: Row,
    settings: Settings,
    finished: Mapping[str, int],
    reasons: Mapping[str, str],
) -> str:
    """Status of a row, by precedence: quoted, dataset not configured, model not there, then the state of its runs.

    Args:
        plan: The plan.
        table: A table of it.
        row: A row of the table.
        settings: The configuration.
        finished: Number of finished runs per setting_id; where it is only pretrained, those of its pretraining.
        reasons: Why a setting cannot be trained, by setting_id; absent or empty when it can.
    """
    setting = plan.setting(table, row)
    if row.quoted is not None:
        return f"{NOT_RUN}the source quotes {row.quoted}, whose model it does not describe"
    if missing := missing_datasets(row.datasets, settings):
        return f"{NOT_RUN}{missing}"
    if setting is None:
        return NOT_IMPLEMENTED
    if reason := reasons.get(setting.setting_id):
        return f"{NOT_RUN}{reason}"
    count, wanted = finished.get(setting.setting_id, 0), plan.run_count(setting)
    if count == wanted:
        return DONE
    return f"{NOT_RUN}{count} of {wanted} runs are finished (`dagster job execute -j {plan.job_of([setting])}`)"
