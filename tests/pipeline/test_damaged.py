"""One round of the damage sweep (tests/robustness/test_damage.py) over the finished store."""

import random
from pathlib import Path

import pytest

from tests.pipeline.harness import Checkout
from tests.robustness.damage import copy_of, left, unlike_after_rerun

pytestmark = pytest.mark.pipeline


def test_a_job_makes_again_what_is_damaged_and_names_what_it_cannot(finished: Checkout, tmp_path: Path) -> None:
    assert unlike_after_rerun(copy_of(finished, tmp_path), left(finished.store), random.Random(0)) == []


def test_a_failed_check_names_the_part_and_what_to_do(finished: Checkout, tmp_path: Path) -> None:
    place = copy_of(finished, tmp_path)
    folds = place.store.table("corpus.folds")
    stray = folds / "stray.parquet"
    stray.write_bytes((place.store.table("corpus.m4a") / "all.parquet").read_bytes())
    done = place.job("data")
    assert done.returncode == 1
    (failed,) = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert f"{stray}: column" in failed
    assert "Delete it. `dagster job execute -j full_repro` makes corpus.folds again." in failed
    assert "Traceback" not in done.stderr
