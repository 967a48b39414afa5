"""Trainings side by side get devices of their own, here simulated: what is leased is what the child is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.config import SettingsError
from pipelines.devices import leased, slots, visible_devices
from pipelines.startup import INSTANCE, place_history

ROOT = Path(__file__).parents[3]
TRAININGS = """
import sys, tempfile
from pathlib import Path
import dagster as dg
from pipelines.executors.choice import executor
from pipelines.training.launch import WholeLineReader, start

CHILD = (
    "import os, sys, time; from pathlib import Path; seen = Path(sys.argv[1]); "
    "(seen / sys.argv[2]).write_text(os.environ['CUDA_VISIBLE_DEVICES']); "
    "deadline = time.monotonic() + 60\\n"
    "while len(list(seen.iterdir())) < 2 and time.monotonic() < deadline: time.sleep(0.05)"
)

def training(name):
    @dg.asset(name=name, pool="gpu")
    def train(context: dg.AssetExecutionContext):
        pipes = dg.PipesSubprocessClient(message_reader=WholeLineReader(Path(tempfile.gettempdir())))
        start(context, pipes, [sys.executable, "-c", CHILD, "SEEN", name], name)
        return dg.MaterializeResult()
    return train

defs = dg.Definitions([training("one"), training("two")], jobs=[dg.define_asset_job("train")], executor=executor)
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a host with devices 5 and 7, and with locks of its own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "5,7", "TMPDIR": str(tmp_path / "tmp")}


def test_steps_side_by_side_train_on_devices_of_their_own(tmp_path: Path, host: dict[str, str]) -> None:
    seen, home = tmp_path / "seen", tmp_path / "store" / "dagster"
    seen.mkdir()
    (tmp_path / "trainings.py").write_text(TRAININGS.replace("SEEN", str(seen)))
    (tmp_path / "run.yaml").write_text("execution: {config: {multiprocess: {}}}")
    place_history(tmp_path / "store", host)
    command = [sys.executable, "-m", "dagster", "job", "execute", "-f", "trainings.py", "-j", "train", "-c", "run.yaml"]
    environment = host | {"DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert sorted(path.read_text() for path in seen.iterdir()) == ["5", "7"]


def test_who_finds_all_taken_says_so_and_waits(host: dict[str, str]) -> None:
    told: list[str] = []
    code = "import os\nfrom pipelines.devices import leased\nwith leased(1, os.environ, print) as own:\n    print(own)"
    unbuffered = [sys.executable, "-u", "-c", code]
    with leased(1, host, told.append) as first, leased(1, host, told.append) as second:
        assert [first, second] == [{"CUDA_VISIBLE_DEVICES": "5"}, {"CUDA_VISIBLE_DEVICES": "7"}]
        waiting = subprocess.Popen(unbuffered, cwd=ROOT, env=host, stdout=subprocess.PIPE, text=True)
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "All of 2 devices are taken; waiting for 1.\n"
    assert waiting.communicate(timeout=60)[0] == "{'CUDA_VISIBLE_DEVICES': '5'}\n"
    with leased(2, host, told.append) as both:
        assert both == {"CUDA_VISIBLE_DEVICES": "5,7"}
    assert not told


def test_a_run_that_shares_more_devices_than_there_are_stops(host: dict[str, str]) -> None:
    message = r"MGC_GPUS is 3, and this host has 2 devices for it: 5, 7 \(CUDA_VISIBLE_DEVICES\)\. Set MGC_GPUS to 2"
    with pytest.raises(SettingsError, match=message), leased(3, host, print):
        pytest.fail("there are two")


def test_devices_are_those_that_cuda_would_see(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert visible_devices({}, tmp_path) == ["0", "1"]
    assert visible_devices({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == []
    assert visible_devices({"CUDA_VISIBLE_DEVICES": "2, -1,3"}, tmp_path) == ["2"]
    with leased(4, {"CUDA_VISIBLE_DEVICES": ""}, print) as nothing:  # processes on a CPU share a run all the same
        assert nothing == {}


@pytest.mark.parametrize(("gpus", "limit"), [("", 4), ("2", 2), ("3", 1)])
def test_the_pool_lets_through_what_the_host_has_devices_for(tmp_path: Path, gpus: str, limit: int) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "MGC_GPUS": gpus}
    assert slots(environment) == limit
    place_history(tmp_path, environment)
    configured = yaml.safe_load((tmp_path / "dagster" / INSTANCE.name).read_text())
    assert configured["concurrency"]["pools"]["default_limit"] == limit
