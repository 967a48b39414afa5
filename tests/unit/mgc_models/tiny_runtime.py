"""How tests execute a run: a quiet runtime on the CPU, and processes that train together."""

import logging
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mgc_models.execution.distributed import Group, join_group, leave_group
from mgc_models.execution.run_log import EventLog
from mgc_models.execution.runtime import Runtime
from tests.unit.mgc_models.tiny_job import free_port

_PATIENCE_S = 120


def runtime_in(folder: Path, group: Group | None = None) -> Runtime:
    """On the CPU, uncompiled, saving at each epoch."""
    return Runtime(
        device=torch.device("cpu"),
        log=logging.getLogger("test"),
        events=EventLog(folder / "events.jsonl"),
        resume_path=folder / "resume.pt",
        checkpoint_every_s=60.0,
        compile=False,
        stop=lambda: None,
        group=group or Group(),
    )


def in_processes(size: int, work: Callable[[Group], Any], folder: Path) -> list[Any]:
    """What `work` returns in each of `size` processes, which are forked, so that it may be a closure."""
    port, context = free_port(), multiprocessing.get_context("fork")
    processes = [context.Process(target=_member, args=(rank, size, port, work, folder)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(_PATIENCE_S)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert codes == [0] * size, "the traceback is in the captured output"
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(size)]


def _member(rank: int, size: int, port: int, work: Callable[[Group], Any], folder: Path) -> None:
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "WORLD_SIZE": str(size)}
    group = join_group(torch.device("cpu"))
    torch.save(work(group), folder / f"{rank}.pt")
    leave_group()
