"""What the tests of the pipelines share."""

import pytest

from pipelines.datasets.sample import generate

SAMPLE_TRACKS = 48  # few, and still every kind of dirt


@pytest.fixture(scope="session")
def sample_corpus(tmp_path_factory):
    """Folder of a small sample corpus and what was planted in it. Read it, do not write to it."""
    root = tmp_path_factory.mktemp("sample")
    return root, generate(root, tracks=SAMPLE_TRACKS)
