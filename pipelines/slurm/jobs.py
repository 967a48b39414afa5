"""Writes the unfinished runs of a plan as a folder that Slurm works through: pretrainings, fine-tunings, the report."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mgc_models.config.run import Run
from pipelines.training.launch import write_job
from pipelines.training.planned import is_finished
from warehouse.store import Store, replacing
from warehouse.variables import VARIABLES

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
MOST_TASKS = 1000  # of an array, with Slurm's own MaxArraySize


class JobsError(ValueError):
    """Jobs that cannot be written; the message says why and what to do."""


def write_jobs(
    store: Store, folder: Path, stages: Mapping[str, Sequence[Run]], environment: Mapping[str, str] = os.environ
) -> dict[str, int]:
    """Write a folder with `submit.sh`, which submits one array per stage and then the report.

    Args:
        store: On a file system that all hosts share.
        folder: To write to; on such a one too.
        stages: Runs by name of the stage, in the order in which the stages follow each other.
        environment: Where the values of the `MGC_` variables come from, which the tasks get.

    Returns:
        The number of tasks of each stage that has any; finished runs are none.

    Raises:
        JobsError: if a stage has more tasks than an array may have.
    """
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    pending = {name: [run for run in runs if not is_finished(store, run.run_id)] for name, runs in stages.items()}
    counts = {name: len(runs) for name, runs in pending.items() if runs}
    for name, count in counts.items():
        if count > MOST_TASKS:
            raise JobsError(f"{count} {name} tasks, at most {MOST_TASKS} fit an array. Write them by --work.")
        jobs = [write_job(store, f"{name}_{run.run_id}", [run]) for run in pending[name]]
        _write(folder / f"{name}.jobs", "".join(f"{job}\n" for job in jobs))
        _render(folder, "train.sbatch", f"{name}.sbatch", stage=name, count=count)
    _render(folder, "report.sbatch", "report.sbatch")
    values = {name: environment[name] for name in VARIABLES if environment.get(name)} | {"MGC_STORE": str(store.root)}
    variables = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    _render(folder, "submit.sh", "submit.sh", stages=list(counts), variables=variables)
    (folder / "submit.sh").chmod(0o755)
    return counts


def _render(folder: Path, template: str, name: str, **values: Any) -> None:
    templates = Environment(  # noqa: S701 - shell scripts, whose values are quoted
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, keep_trailing_newline=True
    )
    python = Path(sys.executable)
    places = {
        "folder": folder.absolute(),
        "checkout": CHECKOUT,
        "python": python,
        "dagster": python.with_name("dagster"),
    }
    quoted = {key: shlex.quote(str(path)) for key, path in places.items()}
    _write(folder / name, templates.get_template(template).render(**quoted, **values))


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)
