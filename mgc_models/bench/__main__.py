"""`python -m mgc_models.bench`: how fast the thesis' model trains on this machine, and what it can learn."""

import argparse
import json
import logging
import platform
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mgc_models.bench.cases import (
    DEFAULT_READING,
    STAGES,
    build_case,
    preset_settings,
    preset_sizes,
    presets,
    readings,
)
from mgc_models.bench.learning import balance_of, balance_text, rehearsal_text, word_shares
from mgc_models.bench.measure import LOG, history, measure
from mgc_models.bench.precision import compare
from mgc_models.bench.synthetic import write_store
from mgc_models.config.models import JiangMaeSettings
from mgc_models.config.run import SpecError, required
from mgc_models.data.load import Cache
from mgc_models.errors import DeviceError, ModelError, TrainingError
from mgc_models.execution.runtime import choose_device
from mgc_models.training.balance import LossBalance
from warehouse.store import Store

_HELP = """\
Spectrograms and lyrics are random; the training loop, the features' files and the model are those of a real run.
Printed for each stage: tracks a second, time of a step, share of it that goes when no data have to be made, model
operations a second over the device's peak (known for H100, H200 and A100), and peak device memory.

  python -m mgc_models.bench                                  the thesis' model and batch, for an accelerator
  python -m mgc_models.bench --device cpu --preset sample     a tiny model, for any machine
  python -m mgc_models.bench --batch-size 192 --stage pretrain
  python -m mgc_models.bench --loss-balance                   gradient of each loss at the start, for every reading
  python -m mgc_models.bench --rehearse 10 --preset narrow    losses over time on tracks that can be learnt from
  python -m mgc_models.bench --word-share                     how much of the lyrics' states is the words
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
    except (DeviceError, ModelError, SpecError, TrainingError, OSError, torch.OutOfMemoryError) as error:
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
    parser.add_argument("--loss-balance", action="store_true", help="instead of timing, the gradient of each loss")
    parser.add_argument(
        "--rehearse", type=int, metavar="EPOCHS", help="instead of timing, pretrain and show the losses"
    )
    parser.add_argument("--word-share", action="store_true", help="instead of timing, the words' share of the states")
    parser.add_argument(
        "--reading",
        choices=sorted(readings()),
        action="append",
        help="of the pretraining's loss, once or more (default: all with --loss-balance, else that of the rows)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting, its value as in TOML: --set 'model.text_scale=\"none\"'",
    )
    parser.add_argument("--folder", help="where the synthetic store goes for the time (default: the system's)")
    parser.add_argument("--json", action="store_true", help="print a record to keep")
    parser.add_argument("--verbose", action="store_true", help="show the loop's progress lines")
    return parser


def _measure_all(options: argparse.Namespace, device: torch.device, store: Store) -> dict[str, Any]:
    machine = {"preset": options.preset, "device": _device_name(device), "torch": torch.__version__}
    machine |= {"python": platform.python_version()}
    if options.word_share:
        return machine | {"word_shares": _word_shares(options)}
    learns = options.loss_balance or options.rehearse
    tracks = options.tracks or (None if learns else _enough_tracks(options))
    write_store(store, preset_sizes(options.preset, tracks))
    if learns:
        return machine | _learn(options, device, store)
    return machine | _time_stages(options, device, store)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu"


def _changes(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of `--set`.

    Raises:
        SpecError: for a value that is none in TOML.
    """
    found: dict[str, Any] = {}
    for change in options.set:
        key, _, value = change.partition("=")
        try:
            found[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise SpecError(f"--set {key}", "a value as in TOML (text in quotes)", value) from error
    return found


def _word_shares(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """For each of the ways to scale words and positions, and the one that is set."""
    settings = preset_settings(options.preset, "pretrain", changes=_changes(options))
    vocabulary = preset_sizes(options.preset, None).vocabulary
    tokens = required(settings.text, "text").max_tokens
    model = settings.model
    if not isinstance(model, JiangMaeSettings):
        raise ModelError(f"--word-share is for jiang_mae, and the preset's model is {model.name}")
    ways = {scale: replace(model, text_scale=scale) for scale in ("none", "words", "positions")}
    ways["bert_learned"] = replace(model, text_scale="none", text_position="bert_learned")
    return {way: word_shares(one, vocabulary, tokens) for way, one in ways.items()}


def _learn(options: argparse.Namespace, device: torch.device, store: Store) -> dict[str, Any]:
    cache = Cache()
    found: dict[str, Any] = {}
    for reading in options.reading or (sorted(readings()) if options.loss_balance else [DEFAULT_READING]):
        settings = preset_settings(options.preset, "pretrain", options.batch_size, reading, _changes(options))
        case = build_case(store, settings, "pretrain", device, cache)
        if options.loss_balance:
            found[reading] = asdict(balance_of(case, device))
        else:
            found[reading] = history(case, device, options.rehearse)
    batch = required(settings.pretrain, "pretrain").batch_size
    steps = -(-case.task.samples // batch)
    return {"batch_size": batch, "steps": steps, "balance" if options.loss_balance else "rehearsal": found}


def _time_stages(options: argparse.Namespace, device: torch.device, store: Store) -> dict[str, Any]:
    compiled = device.type == "cuda" if options.compile is None else options.compile
    cache = Cache()
    stages = {}
    for stage in [options.stage] if options.stage else STAGES:
        reading = (options.reading or [DEFAULT_READING])[-1]
        settings = preset_settings(options.preset, stage, options.batch_size, reading, _changes(options))
        build = partial(build_case, store, settings, stage, device, cache)
        if options.compare_precisions:
            stages[stage] = asdict(compare(build, device, options.compare_precisions))
            continue
        case = build()
        found = measure(case, device, warmup=options.warmup, steps=options.steps, compiled=compiled)
        stages[stage] = {"batch_size": case.train.batch_size, **asdict(found)}
    return {"compiled": compiled and not options.compare_precisions, "stages": stages}


def _enough_tracks(options: argparse.Namespace) -> int:
    """Give so many tracks that no end of an epoch, with its resume state, falls into the timed steps."""
    preset = presets()[options.preset]
    batch = options.batch_size or max(preset[section]["batch_size"] for section in ("pretrain", "train"))
    return max(preset["sizes"]["tracks"], (options.warmup + options.steps + 1) * batch)


def _as_text(record: dict[str, Any]) -> str:
    how = "compiled" if record.get("compiled") else "not compiled"
    lines = [", ".join((record["device"], f"torch {record['torch']}", f"Python {record['python']}", how))]
    lines += [balance_text(name, LossBalance(**found)) for name, found in record.get("balance", {}).items()]
    lines += [rehearsal_text(name, epochs, record["steps"]) for name, epochs in record.get("rehearsal", {}).items()]
    for way, shares in record.get("word_shares", {}).items():
        lines.append(f"{way}: " + ", ".join(f"{share:.1%} of {place} is the words" for place, share in shares.items()))
    for stage, values in record.get("stages", {}).items():
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
