"""What a command says and keeps before any work: mistyped variables, the run history beside the results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.claim import claim
from warehouse.store import Store
from warehouse.variables import VARIABLES, mistyped

ROOT = Path(__file__).parents[3]
DAGSTER = Path(sys.executable).with_name("dagster")
DG = Path(sys.executable).with_name("dg")
JOB = [DAGSTER, "job", "execute", "-j", "data"]


def run(command: list[str | Path], folder: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    "command",
    [
        JOB,
        [DAGSTER, "dev"],
        [sys.executable, "-W", "ignore", "-m", "dagster", "asset", "list"],
        [DG, "launch", "--job", "data"],
        [DAGSTER.with_name("dagster-webserver")],
        [sys.executable, "-m", "warehouse", "tables"],
        [sys.executable, "-m", "pipelines.plan"],
        [sys.executable, "-m", "pipelines.datasets", "check"],
        [sys.executable, "-m", "mgc_models.predict", "--list"],
    ],
    ids=lambda command: " ".join(Path(word).name for word in command),
)
def test_a_mistyped_variable_stops_every_command_with_the_nearest_right_name(
    command: list[str | Path], tmp_path: Path
) -> None:
    done = run(command, MGC_MUSIC4AL_DIR="/data/music4all", MGC_STORE=str(tmp_path / "store"))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "MGC_MUSIC4AL_DIR is set" in line
    assert "did you mean MGC_MUSIC4ALL_DIR?" in line
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MGC_PROFILE": "papper"}, "MGC_PROFILE is 'papper'; expected one of sample, paper, smoke"),
        ({"MGC_FMA_DIR": "/nowhere/fma"}, "MGC_FMA_DIR points at /nowhere/fma, which does not exist"),
        ({"MGC_STORE": "/dev/null/store"}, "cannot be written"),
    ],
)
def test_a_value_that_cannot_be_used_stops_a_job_with_one_sentence(variables: dict[str, str], words: str) -> None:
    done = run(JOB, **variables)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert words in line
    assert done.stdout == ""


def test_a_store_of_another_profile_stops_a_job_before_dagster_loads_but_not_a_look_at_its_history(
    tmp_path: Path,
) -> None:
    claim(Store(tmp_path), "sample", "smoke")
    done = run(JOB, MGC_PROFILE="paper", MGC_STORE=str(tmp_path))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "holds results of profile smoke on sample data" in line
    assert f"MGC_STORE={tmp_path}-paper MGC_PROFILE=paper dagster job execute -j full_repro" in line
    assert [path.name for path in tmp_path.iterdir()] == ["store.json"]
    assert run([DAGSTER, "run", "list"], MGC_PROFILE="paper", MGC_STORE=str(tmp_path)).returncode == 0


@given(st.sampled_from(sorted(VARIABLES)), st.data())
def test_one_wrong_letter_is_found_and_mended(name: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(len("MGC_"), len(name) - 1))
    letter = data.draw(st.sampled_from(["", name[position] * 2, "X", name[position].lower()]))
    wrong = name[:position] + letter + name[position + 1 :]
    message = mistyped({"PATH", name, wrong})
    assert (message is None) == (wrong in VARIABLES)
    assert message is None or f"did you mean {name}?" in message


def test_the_history_lies_with_the_store_whatever_command_asks(tmp_path: Path) -> None:
    store = tmp_path / "store"
    done = run([DAGSTER, "run", "list"], MGC_STORE=str(store))
    assert done.returncode == 0
    assert "temporary directory" not in done.stderr + done.stdout
    assert (store / "dagster" / "history" / "runs.db").exists()
    shown = run([DAGSTER, "instance", "info"], MGC_STORE=str(store)).stdout
    assert str(store / "dagster") in shown
    assert "default_limit: 1" in shown


def test_a_dagster_home_of_the_users_own_is_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    done = run([DAGSTER, "run", "list"], MGC_STORE=str(tmp_path / "store"), DAGSTER_HOME=str(home))
    assert done.returncode == 0
    assert (home / "history").exists()
    assert not (tmp_path / "store").exists()


def test_other_programs_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    show = "import os, sys; print('DAGSTER_HOME' in os.environ, 'pipelines.startup' in sys.modules)"
    assert run([sys.executable, "-c", show], MGC_STORE=str(tmp_path)).stdout == "False False\n"
    elsewhere = run([DAGSTER, "--version"], folder=tmp_path, MGC_PROFILE="papper")
    assert elsewhere.returncode == 0
