"""The runs that can be used, as people and programs read them. Imports no torch."""

from collections.abc import Iterator, Sequence
from typing import Any

from mgc_models.predict.runs import FinishedRun
from warehouse.render import as_text


def run_rows(runs: Sequence[FinishedRun]) -> Iterator[str]:
    """A table of runs, the preferred first."""
    head = ("run", "model", "work", "setting", "takes", "corpus", "fold", "profile", "accuracy")
    rows = [
        (
            run.run_id, run.spec.settings.model.name, run.spec.work, run.spec.setting_id,
            " | ".join("+".join(sorted(parts)) for parts in run.takes), run.spec.data.corpus, str(run.spec.data.fold),
            run.spec.profile, "" if run.accuracy is None else f"{run.accuracy:.4f}",
        )
        for run in runs
    ]  # fmt: skip
    return as_text(head, rows, ruled=False)


def run_content(run: FinishedRun) -> dict[str, Any]:
    """A run as JSON values."""
    return {
        "run": run.run_id,
        "model": run.spec.settings.model.name,
        "work": run.spec.work,
        "setting": run.spec.setting_id,
        "takes": [sorted(parts) for parts in run.takes],
        "corpus": run.spec.data.corpus,
        "fold": run.spec.data.fold,
        "profile": run.spec.profile,
        "demonstration": run.demonstration,
        "accuracy": run.accuracy,
    }
