"""Locks against other processes: a run's folder is worked on by one, and a killed holder keeps nobody waiting."""

import errno
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mgc_models.artifacts.run_folder import only_one
from mgc_models.errors import StoppedError
from warehouse.locks import local_locks, locked
from warehouse.store import StoreError

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


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StoreError, match="has no locks"), locked(tmp_path / "state" / "a.lock", print):
        pytest.fail("there are no locks")


def test_locks_that_end_at_this_host_are_told_from_those_of_the_cluster(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "server:/a /lab nfs4 rw,vers=4.2,local_lock=none 0 0\n"
        "server:/b /lab/old\\040data nfs rw,nolock,local_lock=all 0 0\n"
        "ost:/c /scratch lustre rw,flock 0 0\n"
    )
    assert local_locks(Path("/lab/store"), mounts) is None
    assert local_locks(Path("/scratch/store"), mounts) is None
    assert "/lab/old data (nfs) is mounted with local_lock=all, nolock" in (
        local_locks(Path("/lab/old data/store"), mounts) or ""
    )
