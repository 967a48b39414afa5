"""Shared by all tests: no look-ups on the network, no user settings, the place of the optional shared data."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mgc_models  # noqa: F401 - lets torchaudio and transformers be imported beside a CPU build of torch

os.environ["HF_HUB_OFFLINE"] = "1"  # set before transformers is imported: an unset one costs 46 s of retries
# A shell ignores Ctrl-C for what it starts in the background; Dagster then ignores SIGTERM too, and children of a test
# would inherit both.
signal.signal(signal.SIGINT, signal.default_int_handler)
SAMPLE_TRACKS = 48  # few, and still every kind of corruption


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much `tests/robustness` does; see `make robustness`."""
    parser.addoption("--mutations", type=int, default=75, help="mutations of a sweep in tests/robustness")
    parser.addoption("--seed", type=int, default=0, help="decides the mutations of a sweep in tests/robustness")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several workers share the tests (`make test`), those of a file, and all that share one job, go to one."""
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        file = item.path.relative_to(config.rootpath).as_posix()
        item.add_marker(pytest.mark.xdist_group("pipeline" if file.startswith("tests/pipeline/") else file))


@pytest.fixture(autouse=True)
def no_user_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The user's own MGC_* and DAGSTER_* variables must not reach a test."""
    for name in list(os.environ):
        if name.startswith(("MGC_", "DAGSTER_")):
            monkeypatch.delenv(name)
    yield


@pytest.fixture(scope="session")
def shared_real() -> Path:
    """Folder of real open-licence data beside the checkout; tests that use it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("no ../shared/real beside this checkout")
    return folder


@pytest.fixture(scope="session")
def sample_corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Folder of a small sample corpus, and what was planted in it; made once for all tests, which only read it."""
    from pipelines.sample import generate  # not installed where only models are tested

    root = tmp_path_factory.mktemp("sample")
    return root, generate(root, tracks=SAMPLE_TRACKS)
