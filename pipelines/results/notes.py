"""Column note of `report.results`: why a row that is done lacks a number of ours, some folds, or a test."""

from pipelines.experiments.plan import Plan, Setting
from pipelines.experiments.schema import Metric, PrintedTable, Row
from pipelines.results.finished import CONTRASTIVE_ACCURACY, CONTRASTIVE_CHANCE, FinishedRuns

COVERED, TUNED = "covered/", "_tuned"


def note(plan: Plan, table: PrintedTable, row: Row, metric: Metric, runs: FinishedRuns) -> str | None:
    """Say what is missing of a metric of a row that is done, and why; None where nothing is."""
    setting = plan.setting(table, row)
    if setting is None:
        return None
    found = [missing_number(row, metric, setting, runs), missing_test(plan, table, row, setting)]
    return "; ".join(words for words in found if words) or None


def missing_number(row: Row, metric: Metric, setting: Setting, runs: FinishedRuns) -> str:
    """Why ours is missing, or is the mean of fewer scores than there are; empty where it is not."""
    scores = runs.scores.get(row.score_name(metric), ())
    undefined = scores.count(None)
    if scores and not undefined:
        return ""
    why = reason(row, metric, setting, runs)
    return f"{undefined} of {len(scores)} runs without a number: {why}" if undefined < len(scores) else why


def reason(row: Row, metric: Metric, setting: Setting, runs: FinishedRuns) -> str:
    """Why a score is undefined, or why runs of this kind have none of this name."""
    corpus = setting.data.corpus
    name = row.score_name(metric)
    if row.genre is not None and row.genre not in runs.positives:
        return f"corpus {corpus} has no genre {row.genre}"
    if row.genre is not None and (name in runs.scores or not runs.positives[row.genre]):
        return f"no test track is {row.genre}"
    if row.mask_ratio is not None:
        return f"no spectrogram has been filled in at masking ratio {row.mask_ratio:g}"
    if metric.name in (CONTRASTIVE_ACCURACY, CONTRASTIVE_CHANCE):
        return "not pretrained with the contrastive loss"
    if name in runs.scores:
        part = "validation" if name.endswith(TUNED) else "test"
        return f"no {part} track has a genre in scope{' and lyrics' if name.startswith(COVERED) else ''}"
    if metric.name.startswith(COVERED):
        return f"every track of corpus {corpus} has lyrics"
    if metric.name.endswith(TUNED):
        return "the threshold of this row is not tuned"
    return f"runs of this kind have no {name}"


def missing_test(plan: Plan, table: PrintedTable, row: Row, setting: Setting) -> str:
    """Why a row cannot be tested against the reference row that its table names; empty where it can."""
    reference = plan.reference(table, row)
    other = None if reference is None else plan.setting(table, reference)
    if reference is None or other is None or other.is_paired_with(setting):
        return ""
    return f"not tested: its scores and those of {reference.label} are no pairs (other tracks, split or kind of genres)"
