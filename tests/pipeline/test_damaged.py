"""One round of the damage sweep (tests/robustness/test_damage.py) over the finished store."""

import random
from pathlib import Path

import pytest

from tests.pipeline.harness import Checkout
from tests.robustness.damage import copy_of, damage_and_mend, left

pytestmark = pytest.mark.pipeline


def test_a_job_makes_again_what_is_damaged_and_names_what_it_cannot(finished: Checkout, tmp_path: Path) -> None:
    damage_and_mend(copy_of(finished, tmp_path), left(finished.store), random.Random(0))
