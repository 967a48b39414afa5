"""One run of the whole graph on a small planted corpus, shared by the tests that look at what it left."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.harness import Checkout, checkout


@pytest.fixture(scope="session")
def planted(sample_corpus: tuple[Path, Any]) -> Path:
    """A small planted corpus in Music4All's layout."""
    return sample_corpus[0] / "music4all"


@pytest.fixture(scope="session")
def finished(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """`full_repro` run once on the small planted corpus, given as a user's own dataset."""
    place = checkout(tmp_path_factory.mktemp("finished"), MGC_MUSIC4ALL_DIR=str(planted), MGC_PROFILE="smoke")
    done = place.job()
    assert done.returncode == 0, done.stderr[-4000:]
    return replace(place, first=done)
