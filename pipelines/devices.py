"""The accelerators of this host, leased to training processes so that no two of them work on one.

A step that trains holds the lock of each of its devices while its child process lives, whichever executor, run or store
it belongs to. The locks lie in the host's own temporary folder, because devices belong to a host.
"""

import getpass
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.config import SettingsError

VISIBLE = "CUDA_VISIBLE_DEVICES"
_LOOK_S = 0.5
_DEVICE_FILE = re.compile(r"nvidia\d+")


def visible_devices(environment: Mapping[str, str], files: Path = Path("/dev")) -> list[str]:
    """What each accelerator that may be used is called in `CUDA_VISIBLE_DEVICES`.

    That variable decides where it is set, by the user or by Slurm; else every NVIDIA device of this host counts.
    """
    given = environment.get(VISIBLE)
    if given is not None:
        names = [name.strip() for name in given.split(",")]
        end = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))  # as CUDA reads it
        return names[:end]
    count = sum(1 for path in files.iterdir() if _DEVICE_FILE.fullmatch(path.name)) if files.is_dir() else 0
    return [str(number) for number in range(count)]


def slots(environment: Mapping[str, str]) -> int:
    """How many trainings fit on this host side by side, each on `MGC_GPUS` devices; 1 where there is no accelerator."""
    gpus = environment.get("MGC_GPUS") or "1"
    return max(1, len(visible_devices(environment)) // int(gpus)) if gpus.isdecimal() and int(gpus) else 1


@contextmanager
def leased(count: int, environment: Mapping[str, str], log: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Hold `count` devices that nobody else holds, waiting for them if need be.

    Args:
        count: Devices of one training.
        environment: Of the process that trains.
        log: Told, once, if too few are free.

    Yields:
        What to add to that environment; nothing on a host without accelerators, where nothing is leased.

    Raises:
        SettingsError: if there are fewer than `count`, but some.
    """
    devices = visible_devices(environment)
    if 0 < len(devices) < count:
        given = f" ({VISIBLE})" if VISIBLE in environment else ""
        raise SettingsError(
            f"MGC_GPUS is {count}, and this host has {len(devices)} devices for it: {', '.join(devices)}{given}. "
            f"Set MGC_GPUS to {len(devices)} or less."
        )
    with ExitStack() as held:
        yield {VISIBLE: ",".join(_take(count, devices, environment, held, log))} if devices else {}


def _take(
    count: int, devices: Sequence[str], environment: Mapping[str, str], held: ExitStack, log: Callable[[str], None]
) -> list[str]:
    """Lock `count` devices at once, so that two who wait for several never hold each other up."""
    told = False
    while True:
        with ExitStack() as tried:
            taken: list[str] = []
            for device in devices:
                if len(taken) < count and _held(device, environment, tried):
                    taken.append(device)
            if len(taken) == count:
                held.push(tried.pop_all())
                return taken
        if not told:
            log(f"All of {len(devices)} devices are taken; waiting for {count}.")
        told = True
        time.sleep(_LOOK_S)


def _held(device: str, environment: Mapping[str, str], stack: ExitStack) -> bool:
    lock = FileLock(_lock_path(device, environment))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    stack.callback(lock.release)
    return True


def _lock_path(device: str, environment: Mapping[str, str]) -> Path:
    """Slurm numbers the devices of every job from 0, and gives each job its own: they are told apart by the job."""
    folder = Path(tempfile.gettempdir()) / f"mgc-devices-{getpass.getuser()}"
    folder.mkdir(exist_ok=True)
    job = environment.get("SLURM_JOB_ID", "")
    return folder / (re.sub(r"[^\w.-]", "_", f"{job}-{device}") + ".lock")
