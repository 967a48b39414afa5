"""`python -m pipelines.planted`: train on larger planted corpora and say what each part of a method brings."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.planted.experiment import WORKS, Experiment, read_experiment, runs_of
from pipelines.planted.page import Scores, page
from pipelines.planted.training import TrainingFailedError, result_of, train
from warehouse.claim import claim
from warehouse.store import Store, StoreError, replacing

PAGE = Path("docs/planted.md")
Runs = list[dict[str, list[dict[str, Any]]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, test, write the page; 1 when training failed, or the store belongs to others."""
    options = _parser().parse_args(arguments)
    store = Store(options.store.absolute())
    works = [options.only] if options.only else list(WORKS)
    ends = time.monotonic() + 60 * options.minutes
    findings: dict[str, tuple[Experiment, Scores]] = {}
    try:
        claim(store, "sample", "sample")
        for work in WORKS:
            experiment = read_experiment(work)
            repetitions = [runs_of(experiment, number, store) for number in range(experiment.repetitions)]
            if work in works:
                share = (ends - time.monotonic()) / (len(works) - works.index(work))
                everything = [run for rows in repetitions for runs in rows.values() for run in runs]
                finished = train(store, f"planted_{work}", everything, max(share, 0.0))
                print(f"{work}: {'all runs are finished' if finished else 'stopped by the clock'}")
            findings[work] = experiment, _scores(store, experiment, repetitions)
    except (StoreError, TrainingFailedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return _write(findings, options.page)


def _write(findings: dict[str, tuple[Experiment, Scores]], path: Path) -> int:
    """Write the page once every repetition is trained: a part of them must not take the place of all."""
    left = {work: one.repetitions - len(next(iter(scores.values()))) for work, (one, scores) in findings.items()}
    if any(left.values()):
        missing = ", ".join(f"{count} of {work}" for work, count in left.items() if count)
        print(f"{path} is left as it is: repetitions still to be trained: {missing}; run again to go on")
        return 0
    with replacing(path) as temporary:
        temporary.write_text(page(findings), encoding="utf-8")
    print(f"written: {path}")
    return 0


def _scores(store: Store, experiment: Experiment, repetitions: Runs) -> Scores:
    """Scores of the repetitions of which every row is finished."""
    scores: dict[str, list[dict[str, float]]] = {row: [] for row in experiment.rows}
    for repetition in repetitions:
        results = {row: result_of(store, runs[-1]["run_id"]) for row, runs in repetition.items()}
        found = {row: result["scores"] for row, result in results.items() if result is not None}
        if len(found) == len(experiment.rows):
            for row, values in found.items():
                scores[row].append(values)
    return scores


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.planted", description=__doc__.split(": ", 1)[1])
    parser.add_argument("--only", choices=WORKS, help="train for one work; the page waits for both")
    parser.add_argument("--minutes", type=float, default=30.0, help="stop training after this time (default 30)")
    parser.add_argument("--store", type=Path, default=Path("warehouse/store/planted"), help="default: %(default)s")
    parser.add_argument("--page", type=Path, default=PAGE, help="default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
