"""`python -m mgc_models.bench`: how fast the thesis' model trains on this machine."""

import argparse
import json
import logging
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mgc_models.bench.cases import STAGES, build_case, preset_settings, preset_sizes, presets
from mgc_models.bench.measure import LOG, measure
from mgc_models.bench.precision import compare
from mgc_models.bench.synthetic import write_store
from mgc_models.data.load import Cache
from mgc_models.errors import DeviceError, TrainingError
from mgc_models.training.run import choose_device
from warehouse.store import Store

_HELP = """\
Spectrograms and lyrics are random; the training loop, the features' files and the model are those of a real run.
Printed for each stage: tracks a second, time of a step, share of it that goes when no data have to be made, model
operations a second over the device's peak (known for H100, H200 and A100), and peak device memory.

  python -m mgc_models.bench                                  the thesis' model and batch, for an accelerator
  python -m mgc_models.bench --device cpu --preset sample     a tiny model, for any machine
  python -m mgc_models.bench --batch-size 192 --stage pretrain
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; see `--help`. Returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    LOG.setLevel(logging.INFO if options.verbose else logging.WARNING)
    try:
        device = choose_device(options.device)
        with TemporaryDirectory(prefix="mgc-bench-store-", dir=options.folder) as folder:
            record = _measure_all(options, device, Store(Path(folder)))
    except (DeviceError, TrainingError, OSError, torch.OutOfMemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(record, indent=1) if options.json else _as_text(record))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mgc_models.bench",
        description="Time pretraining and fine-tuning of the thesis' model on synthetic features.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--preset", choices=sorted(presets()), default="paper", help="sizes (default: paper)")
    parser.add_argument("--stage", choices=STAGES, help="only this one")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<n> (default: auto)")
    parser.add_argument("--batch-size", type=int, help="instead of the preset's")
    parser.add_argument("--tracks", type=int, help="tracks to generate instead of the preset's")
    parser.add_argument("--steps", type=int, default=100, help="timed steps (default: 100)")
    parser.add_argument("--warmup", type=int, default=30, help="steps before them (default: 30)")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, help="default: on CUDA devices")
    parser.add_argument(
        "--compare-precisions",
        type=int,
        metavar="EPOCHS",
        help="instead of timing, train twice from equal weights, in float32 and in the device's own precision",
    )
    parser.add_argument("--folder", help="where the synthetic store goes for the time (default: the system's)")
    parser.add_argument("--json", action="store_true", help="print a record to keep")
    parser.add_argument("--verbose", action="store_true", help="show the loop's progress lines")
    return parser


def _measure_all(options: argparse.Namespace, device: torch.device, store: Store) -> dict[str, Any]:
    compiled = device.type == "cuda" if options.compile is None else options.compile
    write_store(store, preset_sizes(options.preset, options.tracks or _enough_tracks(options)))
    cache = Cache()
    stages = {}
    for stage in [options.stage] if options.stage else STAGES:
        settings = preset_settings(options.preset, stage, options.batch_size)
        build = partial(build_case, store, settings, stage, device, cache)
        if options.compare_precisions:
            stages[stage] = asdict(compare(build, device, options.compare_precisions))
            continue
        case = build()
        found = measure(case, device, warmup=options.warmup, steps=options.steps, compiled=compiled)
        stages[stage] = {"batch_size": case.train.batch_size, **asdict(found)}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"
    return {
        "preset": options.preset,
        "device": name,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "compiled": compiled and not options.compare_precisions,
        "stages": stages,
    }


def _enough_tracks(options: argparse.Namespace) -> int:
    """Give so many tracks that no end of an epoch, with its resume state, falls into the timed steps."""
    preset = presets()[options.preset]
    batch = options.batch_size or max(preset[section]["batch_size"] for section in ("pretrain", "train"))
    return max(preset["sizes"]["tracks"], (options.warmup + options.steps + 1) * batch)


def _as_text(record: dict[str, Any]) -> str:
    how = "compiled" if record["compiled"] else "not compiled"
    lines = [", ".join((record["device"], f"torch {record['torch']}", f"Python {record['python']}", how))]
    for stage, values in record["stages"].items():
        lines.append(_comparison(stage, values) if "losses" in values else _timing(stage, values))
    return "\n".join(lines)


def _timing(stage: str, values: dict[str, Any]) -> str:
    used = "" if values["utilisation"] is None else f", {values['utilisation']:.1%} of the device's peak"
    memory = "" if values["peak_gib"] is None else f", {values['peak_gib']:.1f} GiB"
    return (
        f"{stage:9s} batch {values['batch_size']}: {values['samples_per_s']:,.0f} samples/s, {values['step_ms']:.2f} "
        f"ms a step, {values['data_share']:.1%} of it for data, {values['tflop_per_step']:.3g} TFLOP a step{used}"
        f"{memory}"
    )


def _comparison(stage: str, values: dict[str, Any]) -> str:
    lines = [f"{stage:9s} gradients of the first step differ by {values['gradient_difference']:.2e} of their norm"]
    for number, epoch in enumerate(values["losses"], start=1):
        shown = ", ".join(f"{name} {exact:.5g} / {own:.5g}" for name, (exact, own) in epoch.items())
        lines.append(f"          epoch {number} (float32 / device): {shown}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
