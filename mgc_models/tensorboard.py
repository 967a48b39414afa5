"""Scalars of a run as TensorBoard event files, where the optional package `tensorboard` is installed."""

import importlib.util
from collections.abc import Callable, Mapping
from logging import Logger
from pathlib import Path

Scalars = Callable[[int, Mapping[str, float]], None]


def scalar_writer(folder: Path, log: Logger) -> Scalars:
    """What takes the scalars of a run: (samples seen so far, value by name); they go to event files in its folder.

    Without the package nothing is written, and the log says so once per process.
    """
    if not _is_installed():
        _say_once(log)
        return lambda _step, _values: None
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - imports tensorboard

    writer = SummaryWriter(str(folder))

    def write(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return write


def _is_installed() -> bool:
    return importlib.util.find_spec("tensorboard") is not None


_said: list[bool] = []


def _say_once(log: Logger) -> None:
    if not _said:
        log.info("no TensorBoard files: the package tensorboard is not installed (pip install -e '.[tensorboard]')")
        _said.append(True)
