"""The folder for Slurm: what it submits, and what a task does when its training was told to stop, was killed or ended.

Slurm itself is stood in for by commands of its names; docs/clusters.md tells what was seen of the real one.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mgc_models.artifacts.run_folder import is_finished
from mgc_models.config.run import Run, parse_run
from pipelines.plan import main
from pipelines.slurm.jobs import JobsError, write_jobs
from tests.unit.mgc_models.tiny_job import make_pretrain_run, make_run, make_store
from warehouse.store import Store

SRUN = '[ -z "$ENDS_WITH" ] || exit "$ENDS_WITH"\nexec "$@"'
SBATCH = 'echo "$MGC_PROFILE $@" >> "$SEEN"\necho $(wc -l < "$SEEN")'


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """An environment in which Slurm's commands put on record what they are asked."""
    commands = {"srun": SRUN, "sbatch": SBATCH, "scontrol": 'echo "scontrol $@" >> "$SEEN"', "sleep": "true"}
    (tmp_path / "bin").mkdir()
    for name, script in commands.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
    (tmp_path / "seen").touch()
    task = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1", "SEEN": str(tmp_path / "seen"), "ENDS_WITH": ""}
    return {**os.environ, **task, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def run(run_id: str, **changes: Any) -> Run:
    return parse_run(make_run(run_id, **changes))


def bash(script: Path, environment: dict[str, str], *arguments: str) -> int:
    return subprocess.run(["bash", str(script), *arguments], env=environment, check=False).returncode  # noqa: S607


def seen(environment: dict[str, str]) -> list[str]:
    return Path(environment["SEEN"]).read_text().splitlines()


@pytest.fixture
def written(tmp_path: Path) -> tuple[Store, Path]:
    store, folder = make_store(tmp_path / "store"), tmp_path / "a folder"
    stages = {"pretrain": [parse_run(make_pretrain_run())], "finetune": [run("run0"), run("run1", fold=1, epochs=1)]}
    assert write_jobs(store, folder, stages, {"MGC_PROFILE": "paper"}) == {"pretrain": 1, "finetune": 2}
    return store, folder


def test_stages_are_submitted_one_behind_the_other_with_the_settings_of_now(
    written: tuple[Store, Path], cluster: dict[str, str]
) -> None:
    folder = written[1]
    assert bash(folder / "submit.sh", cluster, "--gres=gpu:h100:1") == 0
    assert seen(cluster) == [
        f"paper --parsable --gres=gpu:h100:1 {folder}/pretrain.sbatch",
        f"paper --parsable --dependency=afterany:1 --gres=gpu:h100:1 {folder}/finetune.sbatch",
        f"paper --parsable --dependency=afterany:2 {folder}/report.sbatch",
    ]


def test_a_task_that_was_told_to_stop_is_queued_again_and_no_other(
    written: tuple[Store, Path], cluster: dict[str, str]
) -> None:
    store, folder = written
    assert bash(folder / "finetune.sbatch", cluster | {"ENDS_WITH": "75"}) == 75
    assert seen(cluster) == ["scontrol requeue 7_1"]
    assert bash(folder / "finetune.sbatch", cluster | {"ENDS_WITH": "1"}) == 1
    assert bash(folder / "finetune.sbatch", cluster) == 0
    assert seen(cluster) == ["scontrol requeue 7_1"]
    assert (is_finished(store.run("run1")), is_finished(store.run("run0"))) == (True, False)
    assert write_jobs(store, folder, {"finetune": [run("run1", fold=1)]}) == {}


def test_more_tasks_than_an_array_takes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JobsError, match="1001 finetune tasks, at most 1000 fit an array"):
        write_jobs(Store(tmp_path), tmp_path / "jobs", {"finetune": [run(f"run{n}") for n in range(1001)]})


def test_the_plan_says_what_is_missing_before_its_jobs_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MGC_STORE", str(tmp_path / "store"))
    assert main(["--jobs", str(tmp_path / "jobs")]) == 2
    assert "`dagster job execute -j data` makes them" in capsys.readouterr().err
    assert not (tmp_path / "jobs").exists()
