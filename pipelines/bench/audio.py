"""MP3 to shards: seconds of decoding alone, and of decoding with every spectrogram and shard, per core."""

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np

from pipelines.datasets.files import entry
from pipelines.features.audio import plan_shards
from pipelines.features.audio_sources import AudioSource
from pipelines.features.audio_tasks import ShardTask
from pipelines.features.config import spectrogram_specs
from pipelines.parallel import available_cores
from warehouse.store import Store

RATE_HZ, DURATION_S = 44_100, 30
COMPRESSION = 0.2  # of libsndfile at a constant rate: 256 kb/s
FILES_PER_TASK = 8

FILES = 64
DATASETS = ("music4all", "msd", "fma")


@dataclass(frozen=True)
class Speed:
    """The cost of one dataset's spectrograms on so many cores.

    Attributes:
        dataset: Whose spectrograms, see pipelines/features/features.toml.
        cores: Worker processes, each on one core.
        files: MP3 files of 30 s, 44.1 kHz, stereo, 256 kb/s.
        decode_s: Seconds to decode them, and nothing else.
        shards_s: Seconds to decode, audit, compute and write them.
        decode_core_s: Seconds that cores worked on decoding, over all workers.
        shards_core_s: The same to shards.
    """

    dataset: str
    cores: int
    files: int
    decode_s: float
    shards_s: float
    decode_core_s: float
    shards_core_s: float

    @property
    def ratio(self) -> float:
        """Core-seconds to shards as a multiple of those of decoding alone; other work on the machine matters little."""
        return self.shards_core_s / self.decode_core_s

    @property
    def files_per_s(self) -> float:
        """Files that become shards in a second."""
        return self.files / self.shards_s


@dataclass(frozen=True)
class AudioBench:
    """One figure per dataset and number of cores."""

    speeds: tuple[Speed, ...]


def measure(
    folder: Path,
    *,
    scale: float = 1.0,
    seed: int = 0,
    datasets: Sequence[str] = DATASETS,
    repeats: int = 3,
) -> AudioBench:
    """Write MP3s from a seed into `folder` and measure each dataset's spectrograms on one core and on two.

    At scale 1 there are `FILES` of them: cost is per file, so a full-size dataset would tell no more.
    Every figure is the median of `repeats`, taken in turn so that a busy moment of the machine meets all alike. Worker
    processes are started, and have worked once, before the clock is.
    """
    files = max(FILES_PER_TASK * 2, round(FILES * scale))
    names = write_mp3s(folder / "audio", files, seed)
    speeds: list[Speed] = []
    for cores in (1, 2)[: available_cores()]:
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
            plans = {dataset: _tasks(folder, dataset, names) for dataset in datasets}
            steps: dict[str, tuple[Callable[[ShardTask], float], list[ShardTask]]] = {
                "decode": (_decode, plans[datasets[0]]),
                **{dataset: (_make, tasks) for dataset, tasks in plans.items()},
            }
            costs: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
            for _ in range(repeats + 1):
                for name, (work, tasks) in steps.items():
                    shutil.rmtree(folder / "stores", ignore_errors=True)  # replacing a file costs more than a new one
                    started = time.perf_counter()
                    spent = sum(pool.map(work, tasks))
                    costs[name].append((time.perf_counter() - started, spent))
        wall_s = {name: median(wall for wall, _ in seen[1:]) for name, seen in costs.items()}
        core_s = {name: median(core for _, core in seen[1:]) for name, seen in costs.items()}
        speeds += [
            Speed(dataset, cores, files, wall_s["decode"], wall_s[dataset], core_s["decode"], core_s[dataset])
            for dataset in datasets
        ]
    return AudioBench(tuple(speeds))


def write_mp3s(folder: Path, files: int, seed: int) -> list[str]:
    """Write stereo clips of tones and noise, each another one; returns their names."""
    import soundfile  # noqa: PLC0415 - only this writes audio

    folder.mkdir(parents=True, exist_ok=True)
    seconds = np.arange(DURATION_S * RATE_HZ) / RATE_HZ
    names = [f"{number:05}.mp3" for number in range(files)]
    for number, name in enumerate(names):
        rng = np.random.default_rng((seed, number))
        tones = [np.sin(2 * np.pi * pitch * seconds) for pitch in rng.uniform(80, 4000, 2)]
        clip = 0.25 * np.stack(tones, axis=1) + 0.1 * rng.standard_normal((len(seconds), 2))
        with soundfile.SoundFile(
            folder / name, "w", RATE_HZ, 2, subtype="MPEG_LAYER_III", format="MP3",
            bitrate_mode="CONSTANT", compression_level=COMPRESSION,
        ) as file:  # fmt: skip
            file.write(clip.clip(-1, 1))
    return names


def _tasks(folder: Path, dataset: str, names: Sequence[str]) -> list[ShardTask]:
    """Shards of few files each, so that two cores have the same to do."""
    tasks = []
    for number, start in enumerate(range(0, len(names), FILES_PER_TASK)):
        entries = {name: entry(folder / "audio" / name) for name in names[start : start + FILES_PER_TASK]}
        source = AudioSource(dataset, folder / "audio", tuple(sorted(entries)), entries, str, [])
        store = Store(folder / "stores" / f"{number}")
        tasks += plan_shards(store, source, spectrogram_specs(dataset))
    return tasks


def _decode(task: ShardTask) -> float:
    """Seconds of this core to decode the files of a task."""
    from mgc_models.features.audio.decoding import decode  # noqa: PLC0415

    started = time.process_time()
    for file in task.files:
        decode(task.root / file.name)
    return time.process_time() - started


def _make(task: ShardTask) -> float:
    """Seconds of this core to make the shards of a task."""
    from pipelines.features.audio_worker import make_shards  # noqa: PLC0415

    started = time.process_time()
    make_shards(task)
    return time.process_time() - started
