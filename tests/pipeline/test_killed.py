"""SIGKILL at any moment: the next run ends with the same tables, bit for bit.

CI kills once, in training; `MGC_KILLS=10 pytest tests/pipeline/test_killed.py` tries ten moments.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.harness import ROOT, Checkout, checkout, contents

pytestmark = pytest.mark.pipeline
# Taken before the fixture that hides MGC_* from tests.
KILLS = int(os.environ.get("MGC_KILLS", "1"))
MARKS = ["tables/core", "features/fbank_16k", "tables/corpus", "runs", "tables/run/runs"]


def run_and_kill(place: Checkout, after: str, delay_s: float, *, orphans: bool) -> None:
    """Start the job, wait until `after` appears in the store and `delay_s` more, then SIGKILL it.

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
        while child.poll() is None and not any((place.store.root / after).rglob("*")):
            time.sleep(0.05)
        time.sleep(delay_s)
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
    mark = "runs" if KILLS == 1 else MARKS[attempt % len(MARKS)]
    run_and_kill(place, mark, moment.uniform(0, 8), orphans=bool(attempt % 2))
    done = place.job()
    assert done.returncode == 0, done.stderr[-4000:]
    assert contents(place.store) == contents(finished.store)
