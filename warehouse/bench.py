"""`python -m warehouse.bench`: how fast random crops come out of shards, beside a numpy memmap of the same values."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from warehouse.shards.reader import open_feature
from warehouse.shards.writer import FeatureSpec, write_shard

FRAMES, BANDS, CROP = 3000, 128, 512
TRACKS_PER_SHARD = 128
SPEC = FeatureSpec("bench", "float16", BANDS, {})


@dataclass(frozen=True)
class Speeds:
    """Random crops [512, 128] of float16 per second, each copied out of the store, by one process."""

    shards: float
    memmap: float

    @property
    def ratio(self) -> float:
        """Speed of the shards as a share of the memmap's."""
        return self.shards / self.memmap


def measure(folder: Path, tracks: int, crops: int) -> Speeds:
    """Write `tracks` spectrograms [3000, 128] both ways into `folder` and read `crops` random crops of each.

    Both stores are read once before the clock starts, so the disk is not part of the measure.
    """
    rng = np.random.default_rng(0)
    values = rng.standard_normal((FRAMES, BANDS), np.float32).astype(np.float16)
    for shard, first in enumerate(range(0, tracks, TRACKS_PER_SHARD)):
        names = range(first, min(first + TRACKS_PER_SHARD, tracks))
        write_shard(folder / f"shard-{shard:05}.parquet", SPEC, ((f"track{name}", values) for name in names))
    plain = np.memmap(folder / "plain.bin", np.float16, "w+", shape=(tracks, FRAMES, BANDS))
    plain[:] = values
    reader = open_feature(folder)
    places = list(
        zip(rng.integers(tracks, size=crops).tolist(), rng.integers(FRAMES - CROP, size=crops).tolist(), strict=True)
    )
    return Speeds(
        shards=_crops_per_s(places, lambda track, start: reader.read(f"track{track}", start, CROP)),
        memmap=_crops_per_s(places, lambda track, start: plain[track, start : start + CROP]),
    )


def _crops_per_s(places: list[tuple[int, int]], read: Callable[[int, int], np.ndarray]) -> float:
    batch = np.empty((CROP, BANDS), np.float16)
    for track, start in places:
        np.copyto(batch, read(track, start))
    started = time.perf_counter()
    for track, start in places:
        np.copyto(batch, read(track, start))
    return len(places) / (time.perf_counter() - started)


def main(arguments: list[str]) -> None:
    """Measure in a temporary folder and say what was seen."""
    parser = argparse.ArgumentParser("python -m warehouse.bench", description=__doc__)
    parser.add_argument(
        "--tracks", type=int, default=1024, metavar="N", help="spectrograms, 0.77 MB each, written twice"
    )
    parser.add_argument("--crops", type=int, default=20_000, metavar="N", help="random crops to read")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        speeds = measure(Path(folder), options.tracks, options.crops)
    sys.stdout.write(
        f"shards  {speeds.shards:10,.0f} crops of {CROP} x {BANDS} float16 per second, one process\n"
        f"memmap  {speeds.memmap:10,.0f}\n"
        f"ratio   {speeds.ratio:10.2f}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
