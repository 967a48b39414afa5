"""Locks against other processes: a run's folder is worked on by one, and a killed holder keeps nobody waiting."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mgc_models.artifacts.run_folder import only_one
from mgc_models.errors import StoppedError
from warehouse.locks import locked

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from warehouse.locks import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(600)
"""
log = logging.getLogger("locks")


@contextmanager
def held_elsewhere(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_who_waits_says_so_once_and_goes_on_when_the_holder_is_killed(tmp_path: Path) -> None:
    path, lines, looks = tmp_path / "state" / "a.lock", [], []
    with held_elsewhere(path) as process:

        def look() -> None:
            looks.append(1)
            if len(looks) == 2:
                process.kill()

        with locked(path, lines.append, still_wanted=look):
            assert process.wait() != 0
    assert lines == [f"Another process holds {path}; waiting until it is done."]
    with locked(path, lines.append):
        pass
    assert len(lines) == 1


def test_a_run_that_another_process_works_on_is_left_alone_when_asked_to_stop(tmp_path: Path) -> None:
    half_written = tmp_path / "run" / ".result.json.1.tmp"
    with held_elsewhere(tmp_path / "run" / "lock"):
        half_written.touch()
        waits = pytest.raises(StoppedError, match="run run: stopped waiting because enough")
        with waits, only_one(tmp_path / "run", log, lambda: "enough"):
            pytest.fail("another process works on it")
        assert half_written.exists()
    with only_one(tmp_path / "run", log, lambda: "enough"):
        assert not half_written.exists()
