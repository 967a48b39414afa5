"""Language of as many lyrics as Music4All has: core-seconds beside langdetect's, and whether both agree."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from langdetect import DetectorFactory, detect_langs

from pipelines.bench.cost import Cost, alone
from pipelines.lyrics.langdetect_fast import load_model
from pipelines.lyrics.language import PROBABILITY_DIGITS, SEED, Detected, detect_languages
from pipelines.sample.lyrics import SLOT
from pipelines.sample.planting import planted

LYRICS = 109_269  # tracks of Music4All
ENGLISH_SHARE = 84_103 / LYRICS  # jiang2024 section 5.1
MIXED_SHARE = 0.05  # lyrics that change language half-way
LINES = (8, 60)  # of one text: 1300 characters on average, as real lyrics have
POOL = 2000  # different lines of each language
TEXTS_PER_TASK = 250  # as pipelines.lyrics.language hands them out
REFERENCE_TEXTS = 4000  # langdetect itself reads about so many of them, evenly spread
T = TypeVar("T")


@dataclass(frozen=True)
class LanguageBench:
    """Measurements of one process on one core; ours and langdetect take turns.

    Attributes:
        texts: Lyrics generated.
        characters: Their length in all.
        load_core_s: Reading the profiles into arrays, once a process.
        reference_load_core_s: langdetect's own reading of them.
        core_s: Detecting the language of all texts.
        reference_texts: Texts that langdetect read too.
        reference_core_s: What langdetect took for them, scaled up to all texts.
        different: Texts of these on which language or probability differ; has to be 0.
        whole: The whole process with both detectors and the generating.
    """

    texts: int
    characters: int
    load_core_s: float
    reference_load_core_s: float
    core_s: float
    reference_texts: int
    reference_core_s: float
    different: int
    whole: Cost

    @property
    def ratio(self) -> float:
        """Core-seconds as a share of langdetect's, both without reading the profiles."""
        return self.core_s / self.reference_core_s


def measure(folder: Path, *, scale: float = 1.0, seed: int = 0) -> LanguageBench:  # noqa: ARG001 - as every part's
    """Generate lyrics from the seed, task by task, and detect their languages both ways; writes nothing to `folder`."""
    counted, whole = alone(_take_turns, scale, seed)
    return LanguageBench(**counted, whole=whole)


def generate(scale: float, seed: int) -> Iterator[list[tuple[str, str]]]:
    """Tasks of (track_id, lyrics): three in four English, the others in the sample's other languages, some mixed."""
    total = max(1, round(LYRICS * scale))
    pools = _pools(np.random.default_rng(seed))
    for start in range(0, total, TEXTS_PER_TASK):
        rng = np.random.default_rng([seed, start])
        numbers = range(start, min(start + TEXTS_PER_TASK, total))
        yield [(f"t{number:06}", _text(rng, pools)) for number in numbers]


def _pools(rng: np.random.Generator) -> dict[str, list[str]]:
    """Lines to choose from by language; English ones have their slots filled."""
    words = planted("words")
    patterns = rng.choice(words["lines"], POOL)
    english = [SLOT.sub(lambda slot: str(rng.choice(words["common"][slot[1]])), str(line)) for line in patterns]
    return {"en": english, **planted("languages")}


def _text(rng: np.random.Generator, pools: dict[str, list[str]]) -> str:
    others = [language for language in pools if language != "en"]
    first = "en" if rng.random() < ENGLISH_SHARE else str(rng.choice(others))
    second = str(rng.choice(others)) if rng.random() < MIXED_SHARE else first
    count = int(rng.integers(*LINES))
    halves = [(pools[first], count - count // 2), (pools[second], count // 2)]
    return "\n".join(lines[index] for lines, size in halves for index in rng.integers(len(lines), size=size))


def _take_turns(scale: float, seed: int) -> dict[str, Any]:
    DetectorFactory.seed = SEED
    _, reference_load_core_s = _timed(lambda: detect_langs("langdetect loads its profiles"))
    _, load_core_s = _timed(load_model)
    every = max(1, round(LYRICS * scale / REFERENCE_TEXTS))
    turns = [_turn(task, every) for task in generate(scale, seed)]
    totals = {name: sum(turn[name] for turn in turns) for name in turns[0]}
    totals["reference_core_s"] *= totals["texts"] / totals["reference_texts"]
    return {"load_core_s": load_core_s, "reference_load_core_s": reference_load_core_s, **totals}


def _turn(task: list[tuple[str, str]], every: int) -> dict[str, Any]:
    """Ours on all texts of a task, then langdetect on every so-manieth."""
    found, core_s = _timed(lambda: detect_languages(task))
    expected, reference_core_s = _timed(lambda: [_reference(*text) for text in task[::every]])
    return {
        "texts": len(task),
        "characters": sum(len(text) for _, text in task),
        "core_s": core_s,
        "reference_texts": len(expected),
        "reference_core_s": reference_core_s,
        "different": sum(one != other for one, other in zip(found[::every], expected, strict=True)),
    }


def _timed(step: Callable[[], T]) -> tuple[T, float]:
    """Result of a step and its core-seconds."""
    started = time.process_time()
    result = step()
    return result, time.process_time() - started


def _reference(track_id: str, text: str) -> Detected:
    best = detect_langs(text)[0]
    return Detected(track_id, best.lang, round(best.prob, PROBABILITY_DIGITS))
