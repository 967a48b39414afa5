"""Hostile inputs: whatever is done to a file, the books balance, and the job ends as the mutator declares.

`make robustness` runs 1,000 mutations; `--mutations` and `--seed` choose others.
"""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.robustness.inputs import LEAST_MUTATIONS_OF_A_ROUND, make_round
from tests.robustness.sweep import problems, run_data
from warehouse.store import Store

pytestmark = pytest.mark.robustness


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        asked, seed = metafunc.config.getoption("--mutations"), metafunc.config.getoption("--seed")
        rounds = math.ceil(asked / LEAST_MUTATIONS_OF_A_ROUND)
        metafunc.parametrize("seed", [f"{seed}-{number}" for number in range(rounds)])


@pytest.fixture(scope="session")
def base(sample_corpus: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of a run on the sample corpus as it is."""
    done = run_data(sample_corpus[0], tmp_path_factory.mktemp("base"))
    assert not done.failures
    return done.store


def test_every_mutation_is_accounted_for(
    sample_corpus: tuple[Path, Any], base: Store, tmp_path: Path, seed: str
) -> None:
    one = make_round(sample_corpus[0], tmp_path / "data", seed)
    assert len(one.mutations) >= LEAST_MUTATIONS_OF_A_ROUND
    found = problems(one, run_data(one.root, tmp_path / "store"), base)
    assert not found, f"{len(found)} problems:\n" + "\n".join(found)
