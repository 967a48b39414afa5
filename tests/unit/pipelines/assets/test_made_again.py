"""Files that are no tables are made again when what they are made from changes, and only then."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mgc_models.config.run import parse_run
from pipelines.assets import genre_embeddings, inpainting
from pipelines.incremental import make_file
from tests.unit.mgc_models.tiny_job import make_pretrain_run
from warehouse.store import Store

RUN = parse_run(make_pretrain_run("r"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.run("r").mkdir(parents=True)
    (store.run("r") / "model.safetensors").write_bytes(b"weights")
    return store


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of the workers, which here write a row per ratio, or one."""
    commands: list[list[str]] = []

    def start(_context: Any, _pipes: Any, command: list[str], _what: str) -> None:
        commands.append(command)
        if command[-1].endswith(".json"):
            job = json.loads(Path(command[-1]).read_text())
            folder = Store(Path(job["store"])).run(job["run"]["run_id"])
            pl.DataFrame({"mask_ratio": job["ratios"]}).write_parquet(folder / inpainting.OUTPUT)
        else:
            pl.DataFrame({"genre": ["rock"]}).write_parquet(command[-1])

    monkeypatch.setattr(inpainting, "start", start)
    monkeypatch.setattr(genre_embeddings, "start", start)
    return commands


def test_other_ratios_or_weights_are_filled_in_again(store: Store, started: list[list[str]]) -> None:
    def ratios(*wanted: float) -> list[float]:
        found: list[float] = inpainting.inpainted(None, None, store, RUN, wanted)["mask_ratio"].to_list()  # type: ignore[arg-type]
        return found

    assert ratios(0.5, 0.75) == ratios(0.5, 0.75) == [0.5, 0.75]
    assert len(started) == 1
    assert ratios(0.25) == [0.25]
    (store.run("r") / "model.safetensors").write_bytes(b"others")
    ratios(0.25)
    (store.run("r") / inpainting.OUTPUT).write_bytes(b"damaged")
    assert ratios(0.25) == [0.25]
    assert len(started) == 4


def test_genres_are_read_again_from_other_weights(store: Store, started: list[list[str]]) -> None:
    folder = store.run("r")
    for weights, runs in ((b"weights", 1), (b"weights", 1), (b"others", 2)):
        (folder / "model.safetensors").write_bytes(weights)
        genre_embeddings.embedded(None, None, store, folder)  # type: ignore[arg-type]
        assert len(started) == runs


def test_a_file_of_an_earlier_version_or_without_its_note_is_made_again(store: Store) -> None:
    path = store.figures / "one.png"
    path.parent.mkdir()
    path.write_bytes(b"of an earlier version")
    assert make_file(store, path, "inputs", lambda: path.write_bytes(b"made"))
    assert path.read_bytes() == b"made"
    assert not make_file(store, path, "inputs", path.unlink)
