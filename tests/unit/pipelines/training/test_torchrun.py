"""What the launcher starts on several accelerators and hosts, on the processes of this one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pipelines.training.launch import WORKER, worker_command
from tests.unit.mgc_models.tiny_job import INCEPTION, free_port, make_run, make_store, train, write_job

ROOT = Path(__file__).parents[4]
CPU = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def begin(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, cwd=ROOT, env=CPU, stderr=subprocess.PIPE, text=True)


def test_two_hosts_train_what_one_process_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, shared = make_store(tmp_path / "alone"), make_store(tmp_path / "shared")
    run = make_run(model=INCEPTION, epochs=1, batch_size=26, optimiser="sgd", learning_rate=0.01)
    assert train(write_job(alone, [run]))[0] == 0
    monkeypatch.setenv("MGC_RENDEZVOUS", f"127.0.0.1:{free_port()}")
    command = worker_command(WORKER, write_job(shared, [run]), processes=1, nodes=2)
    hosts = [begin(command), begin(command)]
    said = [host.communicate(timeout=300)[1] for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0], said
    assert sum("by 2 processes" in text for text in said) == 1
    one, other = (load_file(store.run("run0") / "model.safetensors") for store in (alone, shared))
    for name, weights in one.items():
        torch.testing.assert_close(other[name], weights, rtol=1e-5, atol=1e-5, msg=name)


def test_in_a_job_of_slurm_srun_reaches_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    command = worker_command(WORKER, Path("job.json"), processes=4, nodes=2)
    assert command[:3] == ["srun", "--nodes=2", "--ntasks=2"]
    assert {"--nnodes=2", "--nproc-per-node=4", "--rdzv-id=job"} <= set(command)
    assert worker_command(WORKER, Path("job.json"), processes=1) == [sys.executable, "-m", WORKER, "job.json"]


ENDINGS = {"killed": (137, "os.kill(os.getpid(), 9)"), "failed": (3, "sys.exit(3)"), "done": (0, "pass")}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_status_is_that_of_the_process_that_ended_badly(tmp_path: Path, ending: str) -> None:
    status, end = ENDINGS[ending]
    wait = "time.sleep(60)" if status else "pass"
    (tmp_path / "rank.py").write_text(
        f"import os, sys, time\nif os.environ['RANK'] == '1':\n    {end}\nelse:\n    {wait}\n"
    )
    torchrun = [
        sys.executable,
        "-m",
        "mgc_models.torchrun",
        "--standalone",
        "--nproc-per-node=2",
        str(tmp_path / "rank.py"),
    ]
    assert begin(torchrun).wait(120) == status
