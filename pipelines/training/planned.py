"""The runs that the experiments ask for on the tables as they are, and which of them are finished."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgc_models.artifacts.run_folder import RESULT, WEIGHTS, recorded_sha256
from mgc_models.config.run import FinetuneRun, PretrainRun, Run
from pipelines.experiments import Plan
from warehouse.store import Store, file_sha256


@dataclass(frozen=True)
class PlannedRuns:
    """Runs of the settings that can be trained, and why the others cannot.

    Attributes:
        runs: By setting_id, in the order of folds and seeds; none for a setting that is only pretrained.
        reasons: By setting_id, why a setting has no runs.
        pretrain: By name of the pretraining.
    """

    runs: Mapping[str, list[FinetuneRun]]
    reasons: Mapping[str, str]
    pretrain: Mapping[str, list[PretrainRun]]

    def all_runs(self) -> list[Run]:
        """Every run once, pretrainings before what starts from them, else in plan order."""
        groups: list[Sequence[Run]] = [*self.pretrain.values(), *self.runs.values()]
        runs = [run for group in groups for run in group]
        return list({run.run_id: run for run in reversed(runs)}.values())[::-1]

    def behind(self, plan: Plan) -> dict[str, Sequence[Run]]:
        """By setting_id, the runs whose results a row shows: fine-tunings, or the pretraining where there are none."""
        return {name: runs or self.pretrain[plan.pretraining_of[name]] for name, runs in self.runs.items()}


def data_columns(run: Run) -> dict[str, Any]:
    """What a run is trained on; a pretraining names all its corpora, and the fold that it leaves out."""
    if isinstance(run, FinetuneRun):
        return {key: getattr(run.data, key) for key in ("corpus", "scheme", "fold", "corpus_hash")}
    return {
        "corpus": " + ".join(source.corpus for source in run.data.sources),
        "scheme": None,
        "fold": run.data.exclude_fold,
        "corpus_hash": " + ".join(source.corpus_hash for source in run.data.sources),
    }


def result_path(store: Store, run_id: str) -> Path:
    """The file that a run writes last, and that so marks it as finished."""
    return store.run(run_id) / RESULT


def is_finished(store: Store, run_id: str) -> bool:
    """Whether a run is finished."""
    return result_path(store, run_id).exists()


def weights_sha256(folder: Path) -> str:
    """SHA-256 of the weights that a run left: what is made from them stays that, should they be damaged later."""
    return recorded_sha256(folder, WEIGHTS) or file_sha256(folder / WEIGHTS)


def finished_counts(plan: Plan, planned: PlannedRuns, own: Sequence[Run], finished: Collection[str]) -> dict[str, str]:
    """Finished runs of this job, `165 of 165`, and of the others, each under the name of the job that trains it.

    Args:
        plan: The plan.
        planned: Its runs.
        own: Those of this job; without any, as in a job that only reports, all are of others.
        finished: run_ids of the finished ones.
    """
    ids = {run.run_id for run in own}
    jobs: dict[str, list[str]] = {"this job": sorted(ids)} if ids else {}
    for run in planned.all_runs():
        if run.run_id not in ids:
            jobs.setdefault(f"job {plan.job_of(plan.users(run.setting_id))}", []).append(run.run_id)
    done = set(finished)
    return {name: f"{len(done.intersection(runs))} of {len(runs)}" for name, runs in jobs.items()}
