"""make sets up: the version of Python is looked at first, and an environment that cannot be used is made anew."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")


def planned(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make --dry-run test` in a copy of the checkout's root."""
    for name in ("Makefile", "pyproject.toml", "mgc_dagster_default.pth"):
        shutil.copy(ROOT / name, folder / name)
    command = ["make", "--dry-run", "test", *arguments]
    # Under `make check` this process inherits these, and the make below would print as a part of that one.
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    return subprocess.run(command, cwd=folder, env=outside, capture_output=True, text=True, check=False)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The checkout's root with an environment that is whole and set up."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / ".venv")], check=True)
    for name in ("pyproject.toml", "mgc_dagster_default.pth"):
        (tmp_path / name).touch()
    return tmp_path


def test_an_old_python_is_refused_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.13 || exit 1\n')
    old.chmod(0o755)
    done = planned(tmp_path, f"PYTHON={old}")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"{old} is Python 3.10.13, and Python 3.11, 3.12 or 3.13 is needed" in line
    assert "PYTHON=python3.12" in line
    assert not (tmp_path / ".venv").exists()


def test_a_fresh_machine_gets_an_environment(tmp_path: Path) -> None:
    assert f"{sys.executable} -m venv --clear .venv" in planned(tmp_path, f"PYTHON={sys.executable}").stdout


def test_an_environment_that_the_user_prepared_is_filled_and_not_emptied(environment: Path) -> None:
    shown = planned(environment, "PYTHON=no-such-python").stdout
    assert "pip install" in shown
    assert "venv --clear" not in shown


@pytest.mark.parametrize("damage", ["interrupted", "no pip", "python gone"])
def test_a_broken_environment_is_made_anew(environment: Path, damage: str) -> None:
    packages = next(environment.glob(".venv/lib/python*/site-packages"))
    if damage == "interrupted":
        half = packages / "torch-2.13.0.dist-info"
        half.mkdir()
        (half / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.13.0\n")
    elif damage == "no pip":
        shutil.rmtree(packages / "pip")
    else:
        (environment / ".venv/bin/python").unlink()
    planned(environment)  # copies the files that the stamp is compared with
    (environment / ".venv/.installed").touch()  # even where an earlier call thought that it had finished
    shown = planned(environment, f"PYTHON={sys.executable}").stdout
    assert f"{sys.executable} -m venv --clear .venv" in shown
    assert "pip install" in shown
