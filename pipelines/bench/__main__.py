"""`python -m pipelines.bench`: what the heavy steps of the data side cost at the size of the real datasets."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from pipelines.bench.record import GB, as_record, as_text
from pipelines.parallel import available_cores

# Parts, each a module with `measure(folder, *, scale, seed)` that returns a frozen dataclass, and the bytes on disk it
# needs at full size for what it generates and what spills.
PARTS = {"matching": 16 * GB, "language": 0.0, "audio": GB}
EXAMPLES = """examples:
  python -m pipelines.bench --scale 0.01                       a quick look at everything
  python -m pipelines.bench --only language --scale 0.1
  python -m pipelines.bench --folder /big/disk --json > bench.json

Inputs are generated from the seed: 784,203 MSD songs, 5,283,576 Genius rows in a CSV of about 9 GB, 109,269 lyrics,
clips of audio. Compare ratios within one run; seconds depend on the machine and on who else uses it. Results of full
size are kept in docs/performance.md. For the shards alone: python -m warehouse.bench."""


class BenchError(ValueError):
    """The benchmark cannot be run as asked."""


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts asked for and print them; 2 when they cannot be run."""
    options = _parser().parse_args(arguments)
    try:
        names = _chosen(options.only)
        with _place(options.folder, sum(PARTS[name] for name in names) * options.scale) as folder:
            results = {name: _measure(name, folder / name, options.scale, options.seed) for name in names}
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    conditions = {"scale": options.scale, "seed": options.seed, "cores": available_cores()}
    if options.json:
        print(json.dumps({**conditions, **results}, indent=2))
    else:
        print(as_text({"run": conditions, **results}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.bench",
        description="Measure matching, language detection and audio extraction on inputs generated from a seed:\n"
        "seconds, core-seconds, peak memory, and ratios to the plainest way of doing the same.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", metavar="PART,…", help=f"parts to run, of {', '.join(PARTS)}")
    parser.add_argument("--scale", type=_positive, default=1.0, help="share of the full size (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="what is generated (default: 0)")
    parser.add_argument(
        "--folder", type=Path, help="where to put what is generated, and leave it (default: a temporary folder)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share above 0 and up to 1, found {text}")
    return value


def _chosen(only: str) -> list[str]:
    """Names of the parts to run.

    Raises:
        BenchError: for a part that there is not.
    """
    asked = [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in asked if name not in PARTS]:
        raise BenchError(f"no part {', '.join(unknown)} in --only; there are {', '.join(PARTS)}.")
    return [name for name in PARTS if not asked or name in asked]


@contextmanager
def _place(folder: Path | None, needed_bytes: float) -> Iterator[Path]:
    """The folder asked for, or a temporary one that is removed in the end.

    Raises:
        BenchError: when its disk has no room for what will be generated.
    """
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mgc-bench-") if not folder else nullcontext(folder) as place:
        free = shutil.disk_usage(place).free
        if free < needed_bytes:
            raise BenchError(
                f"{place} has {free / GB:.1f} GB free, and about {needed_bytes / GB:.1f} GB will be generated. "
                "Give another --folder or a smaller --scale."
            )
        yield Path(place)


def _measure(name: str, folder: Path, scale: float, seed: int) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    print(f"{name}: measuring at scale {scale:g} …", file=sys.stderr)
    return as_record(import_module(f"pipelines.bench.{name}").measure(folder, scale=scale, seed=seed))


if __name__ == "__main__":
    sys.exit(main())
