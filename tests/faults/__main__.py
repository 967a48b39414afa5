"""`python -m tests.faults`: make each seeded fault in a copy of the repository; its tests must notice."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.catalogue import ROOT, Fault, load_faults

COPIED = ("warehouse", "mgc_models", "pipelines", "tests", "docs", "pyproject.toml", "README.md", "Makefile")
LIMIT_S = 600


def copy_repository(folder: Path) -> None:
    """Copy what tests need; results of earlier jobs stay behind."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=_left_behind)
        elif source.is_file():
            shutil.copy(source, folder / name)


def _left_behind(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if n == "__pycache__" or (n.startswith("store") and (Path(folder) / n).is_dir())]


def fails(folder: Path, tests: Sequence[str]) -> bool:
    """Whether the tests fail in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", *tests]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=LIMIT_S, check=False)
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout.decode()[-2000:]}")
    return done.returncode != 0


def is_noticed(folder: Path, fault: Fault) -> bool:
    """Make a fault in the copy, run its tests, and put the file back."""
    path = folder / fault.file
    before = path.read_text()
    path.write_text(fault.applied(before))
    try:
        return fails(folder, fault.tests)
    finally:
        path.write_text(before)


def main(arguments: list[str] | None = None) -> int:
    """Print one line per fault and the share noticed; 1 when less than 95 % are."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--only", help="only the faults of this group, for example metrics")
    options = parser.parse_args(arguments)
    faults = [fault for fault in load_faults() if options.only in (None, fault.group)]
    noticed = 0
    with tempfile.TemporaryDirectory(prefix="mgc-faults-") as folder:
        copy_repository(Path(folder))
        for tests in dict.fromkeys(fault.tests for fault in faults):
            if fails(Path(folder), tests):
                print(f"error: {' '.join(tests)} fail without any fault", file=sys.stderr)
                return 2
        for fault in faults:
            started = time.monotonic()
            found = is_noticed(Path(folder), fault)
            noticed += found
            word = "noticed " if found else "SURVIVED"
            print(f"{word} {time.monotonic() - started:5.1f} s  {fault.group}: {fault.why}", flush=True)
    print(f"{noticed} of {len(faults)} seeded faults are noticed ({noticed / len(faults):.1%})")
    return 0 if noticed >= 0.95 * len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
