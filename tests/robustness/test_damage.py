# ruff: noqa: F811 - fixtures of another folder, imported by name
"""The damage sweep: every kind of file of a finished store flipped, cut and emptied, a job after it, and SQL before it.

    ROBUSTNESS_SEED=3 ROBUSTNESS_ROUNDS=40 python -m pytest tests/robustness/test_damage.py -m robustness

A round takes a job that finds nearly everything done; the small one of `make test` is tests/pipeline/test_damaged.py.
"""

import os
import random
from pathlib import Path

import duckdb
import pytest

from tests.pipeline.conftest import finished, planted  # noqa: F401
from tests.pipeline.harness import Checkout
from tests.robustness.damage import (
    DERIVED,
    STOPPING,
    copy_of,
    damage,
    left,
    unlike_after_rerun,
    unlike_after_stop,
)
from warehouse.catalogue import connect
from warehouse.contract import load_contract
from warehouse.store import Store

pytestmark = [
    pytest.mark.robustness,
    pytest.mark.skipif("ROBUSTNESS_ROUNDS" not in os.environ, reason="a part of make robustness"),
]
# Taken before the fixture that hides MGC_* from tests.
SEED = int(os.environ.get("ROBUSTNESS_SEED", "0"))
ROUNDS = int(os.environ.get("ROBUSTNESS_ROUNDS", "1"))
QUERIES = 300


@pytest.fixture(scope="module")
def sound(finished: Checkout) -> dict[str, bytes]:
    return left(finished.store)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_job_makes_again_what_is_damaged_and_names_what_it_cannot(
    number: int,
    finished: Checkout,
    sound: dict[str, bytes],
    tmp_path: Path,
) -> None:
    assert unlike_after_rerun(copy_of(finished, tmp_path), sound, random.Random(f"{SEED} {number}")) == []


@pytest.mark.parametrize("kind", STOPPING)
def test_a_job_stops_over_a_damaged_file_with_one_message(
    kind: str,
    finished: Checkout,
    sound: dict[str, bytes],
    tmp_path: Path,
) -> None:
    assert unlike_after_stop(copy_of(finished, tmp_path), sound, kind, random.Random(f"{SEED} {kind}")) == []


def test_sql_never_answers_with_other_rows(finished: Checkout, tmp_path: Path) -> None:
    place, chance = copy_of(finished, tmp_path), random.Random(SEED)
    expected = {name: rows(place.store, name) for name in load_contract()}
    for _ in range(QUERIES):
        ((_, path, how),) = ((one.kind, one.path, one.how) for one in damage(place.store, PART, chance, 1))
        name = f"{path.parent.parent.name}.{path.parent.name}"
        try:
            assert rows(place.store, name) == expected[name], (path, how)
        except duckdb.InvalidInputException as error:
            assert f"{path} is damaged" in str(error)
            assert "dagster job execute -j" in str(error)
        path.write_bytes((finished.store.root / path.relative_to(place.store.root)).read_bytes())


PART = {"table part": DERIVED["table part"]}


def rows(store: Store, name: str) -> str:
    """All rows of a table, as text."""
    query = f"FROM {name} ORDER BY ALL"
    with connect(store, query) as connection:
        return repr(connection.execute(query).fetchall())
