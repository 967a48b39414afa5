"""The job `data`, its steps in processes of their own or on Dask's workers, leaves what one process does."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pipeline.harness import ROOT, Checkout, checkout, contents

pytestmark = pytest.mark.pipeline
DATA = re.compile(r"features/|tables/(core|corpus|genre|feature)/")


def data_of(place: Checkout) -> dict[str, bytes]:
    return {name: content for name, content in contents(place.store).items() if DATA.match(name)}


def made_by(place: Checkout, **variables: str) -> dict[str, bytes]:
    done = place.job("data", **variables)
    assert done.returncode == 0, done.stderr[-4000:]
    return data_of(place)


@contextmanager
def dask(place: Checkout, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "dask", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=place.environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture
def place(planted: Path, tmp_path: Path) -> Checkout:
    return checkout(tmp_path, MGC_MUSIC4ALL_DIR=str(planted), MGC_PROFILE="smoke")


def test_in_processes_of_their_own(place: Checkout, finished: Checkout) -> None:
    """In a store whose features are lost: what is there costs each process its start alone."""
    shutil.copytree(
        finished.store.root, place.store.root, ignore=shutil.ignore_patterns("features", "state", "dagster")
    )
    assert made_by(place, MGC_EXECUTOR="multiprocess") == data_of(finished)


def test_on_two_workers_of_a_dask_scheduler(place: Checkout, finished: Checkout, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    loopback = ("--host", "127.0.0.1")
    with dask(place, "scheduler", *loopback, "--port", "0", "--dashboard-address", "127.0.0.1:0") as scheduler:
        lines = iter(scheduler.stderr or ())
        address = next(found.group() for line in lines if (found := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
        worker = ("worker", address, *loopback, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        with (
            dask(place, *worker, "--local-directory", str(tmp_path / "1")),
            dask(place, *worker, "--local-directory", str(tmp_path / "2")),
        ):
            variables = {"MGC_EXECUTOR": "dask", "DASK_SCHEDULER_ADDRESS": address}
            assert made_by(place, **variables) == data_of(finished)
