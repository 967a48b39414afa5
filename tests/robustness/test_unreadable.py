"""A dataset that cannot be read: told once at the end, nothing of it or of others lost, and tried again."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.tables import read_frame
from tests.pipeline.harness import checkout, contents
from tests.robustness.sweep import GATE, PLACES, run_data
from warehouse.store import Store

pytestmark = pytest.mark.robustness
TRACKS = "fma/fma_metadata/tracks.csv"


@pytest.fixture
def data(sample_corpus: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample_corpus[0], tmp_path / "data"))


def corpora(store: Store) -> dict[str, int]:
    return dict(read_frame(store, "corpus.steps").group_by("corpus").agg(pl.len()).iter_rows())


def test_the_job_makes_the_rest_and_ends_with_one_message(data: Path, tmp_path: Path) -> None:
    (data / TRACKS).write_text("flattened,header\n1,2\n")
    variables = {f"MGC_{name.upper()}": str(data / path) for name, path in PLACES.items()}
    place = checkout(tmp_path / "place", MGC_PROFILE="smoke", **variables)
    done = place.job("data")
    assert done.returncode not in (0, 2)
    said = done.stdout + done.stderr
    assert said.count(f"{data / TRACKS} does not have the header of the download") == 1
    assert "Traceback" not in said
    assert {"m4a", "ru87", "msd_genius"} <= corpora(place.store).keys()
    assert "fma_medium" not in corpora(place.store)
    rows = read_frame(place.store, "core.rejects", "fma").select("reason", "detail").rows()
    assert [reason for reason, _ in rows] == ["dataset_unreadable"]
    assert "does not have the header" in rows[0][1]
    planned = read_frame(place.store, "run.planned").filter(pl.col("reason").str.contains("MGC_FMA_DIR cannot be read"))
    assert planned.height


def test_what_was_read_before_stays_and_a_mended_dataset_is_read_again(data: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert not run_data(data, store).failures
    before = contents(Store(store))
    kept = (data / TRACKS).read_bytes()
    (data / TRACKS).write_bytes(b"")
    genres = data / "music4all" / "id_genres.csv"
    genres.write_text(genres.read_text().replace("rock", "polka"))
    damaged = run_data(data, store)
    assert list(damaged.failures) == [GATE]
    assert "is empty" in damaged.failures[GATE]
    now = contents(Store(store))
    of_fma = {name for name in before if "fma" in name}
    assert {name: now[name] for name in of_fma} == {name: before[name] for name in of_fma}
    assert "polka" in set(read_frame(Store(store), "core.track_genres", "music4all")["genre"])
    (data / TRACKS).write_bytes(kept)
    genres.write_text(genres.read_text().replace("polka", "rock"))
    assert not run_data(data, store).failures
    assert contents(Store(store)) == before
