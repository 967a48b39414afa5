"""SIGKILL at any moment: the next run ends with the same tables, bit for bit.

CI kills twice, in training and while the catalogue is written; `MGC_KILLS=10 pytest tests/pipeline/test_killed.py`
tries ten moments, and each of the late ones.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.harness import ROOT, Checkout, checkout, contents
from tests.robustness.damage import copy_of, left

pytestmark = pytest.mark.pipeline
# Taken before the fixture that hides MGC_* from tests.
KILLS = int(os.environ.get("MGC_KILLS", "1"))
MARKS = ["tables/core/*/*", "features/fbank_16k/*/*", "tables/corpus/*/*", "runs/*", "tables/run/runs/*"]
# What a job writes after training, each in the seconds after the one before; the first of each is half written.
LATE = {
    "catalogue": ".mgc.duckdb.*.tmp",
    "results": "tables/report/results/*",
    "report": "report.html",
    "figures": "figures/*",
    "runs": "tables/run/*/.*.tmp",
}
WRITTEN_LATE = ("tables/run", "tables/report", "figures", "report.html", "mgc.duckdb", "state/files")


def run_and_kill(place: Checkout, after: str, delay_s: float, *, orphans: bool) -> None:
    """Start the job, wait until a file `after` appears in the store and `delay_s` more, then SIGKILL it.

    With `orphans` only the job's own process is killed, and its step and training processes go on alone.
    """
    command = [str(Path(sys.executable).with_name("dagster")), "job", "execute", "-j", "full_repro"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(place.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        while child.poll() is None and not any(place.store.root.glob(after)):
            time.sleep(0.01)
        time.sleep(delay_s)
        with contextlib.suppress(ProcessLookupError):
            if orphans:
                child.kill()
            else:
                os.killpg(child.pid, signal.SIGKILL)


@pytest.mark.parametrize("attempt", range(KILLS))
def test_a_killed_job_ends_with_the_same_tables(
    attempt: int, finished: Checkout, planted: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = checkout(tmp_path_factory.mktemp(f"killed{attempt}"), MGC_MUSIC4ALL_DIR=str(planted), MGC_PROFILE="smoke")
    moment = random.Random(attempt)
    mark = "runs/*" if KILLS == 1 else MARKS[attempt % len(MARKS)]
    run_and_kill(place, mark, moment.uniform(0, 8), orphans=bool(attempt % 2))
    done = place.job()
    assert done.returncode == 0, done.stderr[-4000:]
    assert contents(place.store) == contents(finished.store)


@pytest.mark.parametrize("moment", list(LATE)[:KILLS])
def test_a_job_killed_after_training_ends_with_the_same_store(moment: str, finished: Checkout, tmp_path: Path) -> None:
    place = copy_of(finished, tmp_path)
    for name in WRITTEN_LATE:
        path = place.store.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run_and_kill(place, LATE[moment], 0.0, orphans=False)
    done = place.job()
    assert done.returncode == 0, done.stderr[-4000:]
    assert left(place.store) == left(finished.store)
