"""The planted worlds: how latent factors become genres, sound and words. What they hold is in the TOML files here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.corpora.config import Corpus, Correlation, Folds
from pipelines.experiments.schema import PlanError
from pipelines.planted.corpus import PlantedCorpus, draw_parts, play_motifs, render_sound, write_words
from warehouse.parsing import plain, read

FOLDER = Path(__file__).parent
SCHEME = "drawn"  # the split of every planted corpus: tracks to train on, to choose by, to test on

Factors = Mapping[str, NDArray[np.float64]]


def factor_world(settings: Mapping[str, Any], seed: int) -> PlantedCorpus:
    """Plant a corpus (jiang2024): continuous factors, some shared by audio and lyrics; genres are sums of them.

    Args:
        settings: factors.toml.
        seed: Equal seeds give equal corpora.
    """
    rng = np.random.default_rng(seed)
    parts = draw_parts(rng, settings["parts"])
    values = {name: rng.standard_normal(len(parts)) for name in settings["factors"]}
    genres = settings["genres"].values()
    labels = np.stack([_above(_mixed(values, genre), genre["share"]) for genre in genres], axis=1)
    heard = [name for name, kind in settings["factors"].items() if kind in ("shared", "sound")]
    told = [name for name, kind in settings["factors"].items() if kind in ("shared", "words")]
    sound, words = settings["sound"], settings["words"]
    asides = rng.standard_normal((2, settings["distractors"], len(parts)))
    frames = play_motifs(rng, _leanings(values, heard, asides[0], sound["contrast"]), sound)
    tokens, vocabulary = write_words(rng, _leanings(values, told, asides[1], words["contrast"]), words)
    return PlantedCorpus(tuple(settings["genres"]), values, labels, frames, tokens, vocabulary, parts)


def cue_world(settings: Mapping[str, Any], seed: int) -> PlantedCorpus:
    """Plant a corpus (ru2023): genres told by a cue of sound or of words, by how the two go together, or by company.

    A genre with `pairs` is there when a cue of sound and a cue of words that belong together are both there; other
    pairs of the same cues mean nothing, so that no sum of what is heard and what is read tells it. A genre with
    `follows` occurs with another genre only, in a share of its tracks, and shows by itself in few of them.

    Args:
        settings: cues.toml.
        seed: Equal seeds give equal corpora.
    """
    rng = np.random.default_rng(seed)
    parts = draw_parts(rng, settings["parts"])
    cues: dict[str, NDArray[np.float64]] = {
        name: (rng.random(len(parts)) < share).astype(float) for name, share in settings["cues"].items()
    }
    labels: dict[str, NDArray[np.bool_]] = {}
    for name, genre in settings["genres"].items():
        labels[name] = _genre(rng, genre, cues, labels)
        for modality in genre["by"]:
            cues[f"{name} by {modality}"] = (labels[name] & (rng.random(len(parts)) < genre["shows"])).astype(float)
    heard = [*settings["sound_cues"], *(name for name in cues if name.endswith("by sound"))]
    told = [*settings["word_cues"], *(name for name in cues if name.endswith("by words"))]
    sound, words = settings["sound"], settings["words"]
    levels = np.column_stack([cues[name] for name in heard]) * sound["loudness"]
    frames = render_sound(rng, levels * np.exp(sound["spread"] * rng.standard_normal(levels.shape)), sound)
    leanings = np.where(np.column_stack([cues[name] for name in told]) > 0, words["clarity"], 1 - words["clarity"])
    tokens, vocabulary = write_words(rng, leanings, words)
    stacked = np.stack(list(labels.values()), axis=1)
    return PlantedCorpus(tuple(settings["genres"]), cues, stacked, frames, tokens, vocabulary, parts)


def exclusive_world(settings: Mapping[str, Any], seed: int) -> PlantedCorpus:
    """Plant a corpus (ru2023, SCMA): of the cues of sound a track has exactly one, and one of those of words.

    A genre is there when the cue of words lies `gap` places behind that of sound, in a circle. Given either cue alone
    every genre is as frequent as before, so that what is heard and what is read tell nothing when they are added.

    Args:
        settings: exclusive.toml.
        seed: Equal seeds give equal corpora.
    """
    rng = np.random.default_rng(seed)
    parts, count = draw_parts(rng, settings["parts"]), settings["cues_each"]
    heard, read = rng.integers(count, size=(2, len(parts)))
    gaps = np.array([genre["gap"] for genre in settings["genres"].values()])
    labels = ((read - heard) % count)[:, None] == gaps
    shown = {"sound": np.eye(count)[heard], "words": np.eye(count)[read]}
    rendered = _rendered(rng, shown["sound"], shown["words"], settings)
    names, truth = tuple(settings["genres"]), labels.astype(float)
    return PlantedCorpus(names, _named(shown), labels, *rendered, parts, truth, paired=True)


def _named(shown: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The columns of what is shown in each modality, each by a name."""
    return {f"{modality} {place}": own for modality, values in shown.items() for place, own in enumerate(values.T)}


def _rendered(
    rng: np.random.Generator, heard: NDArray[np.float64], read: NDArray[np.float64], settings: Mapping[str, Any]
) -> tuple[NDArray[np.float16], NDArray[np.int32], int]:
    """Sound and words of levels from 0 to 1, [N, cues] each."""
    sound, words = settings["sound"], settings["words"]
    frames = render_sound(rng, sound["loudness"] * heard, sound)
    clear = words["clarity"]
    return (frames, *write_words(rng, (1 - clear) + (2 * clear - 1) * read, words))


def _genre(
    rng: np.random.Generator, genre: Mapping[str, Any], cues: Factors, labels: Mapping[str, NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    if "pairs" in genre:
        return np.any([(cues[sound] > 0) & (cues[words] > 0) for sound, words in genre["pairs"]], axis=0)
    chosen = rng.random(len(next(iter(cues.values())))) < genre["share"]
    return labels[genre["follows"]] & chosen if "follows" in genre else chosen


def _mixed(values: Factors, genre: Mapping[str, Any]) -> NDArray[np.float64]:
    return np.sum([weight * values[name] for name, weight in genre["of"].items()], axis=0)


def _leanings(
    values: Factors, names: Sequence[str], asides: NDArray[np.float64], contrast: float
) -> NDArray[np.float64]:
    """Chance of the first group of each topic: the factors of a modality, and what no genre depends on."""
    topics = np.column_stack([*(values[name] for name in names), *asides])
    return 1 / (1 + np.exp(-contrast * topics))


def _above(values: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    return values > np.quantile(values, 1 - share)


@dataclass(frozen=True)
class World:
    """What is planted in the corpora of one name.

    Attributes:
        name: Of the file.
        settings: What the file says.
        corpus: Name, split and genre graph in the words of `pipelines.corpora`.
    """

    name: str
    settings: Mapping[str, Any]
    corpus: Corpus

    def drawn(self, seed: int) -> PlantedCorpus:
        """The corpus of a seed; equal seeds give equal corpora."""
        return KINDS[self.settings["kind"]](self.settings, seed)


KINDS: Mapping[str, Callable[[Mapping[str, Any], int], PlantedCorpus]] = {
    "factors": factor_world,
    "cues": cue_world,
    "exclusive": exclusive_world,
}


def load_worlds(folder: Path = FOLDER) -> dict[str, World]:
    """Read every world of a folder, by name.

    Raises:
        PlanError: for a file that is not TOML, and a key that is missing, unknown or of another type.
    """
    return {path.stem: _read(path) for path in sorted(folder.glob("*.toml"))}


@dataclass(frozen=True)
class _File:
    """A file of a world.

    Attributes:
        kind: Which function draws its corpora.
        parts: Tracks to train on, to choose by, to test on, and without a label.
        genres: By name, what makes each.
        sound: How sound is made.
        words: How words are.
        factors: Of `factors`: latent factors, each shared by sound and words or of one of them.
        distractors: Of `factors`: further topics in each modality that mean nothing.
        cues: Of `cues`: share of tracks by cue.
        sound_cues: Of `cues`: those of sound.
        word_cues: Of `cues`: those of words.
        cues_each: Of `exclusive`: how many of sound, and as many of words.
        correlation: Rule of the genre graph, for a model that takes one.
    """

    kind: Literal["factors", "cues", "exclusive"]
    parts: Mapping[Literal["train", "validation", "test", "unlabelled"], int]
    genres: Mapping[str, Any]
    sound: Mapping[str, Any]
    words: Mapping[str, Any]
    factors: Mapping[str, Any] | None = None
    distractors: int | None = None
    cues: Mapping[str, float] | None = None
    sound_cues: tuple[str, ...] | None = None
    word_cues: tuple[str, ...] | None = None
    cues_each: int | None = None
    correlation: Correlation | None = None


def _read(path: Path) -> World:
    file = read(path, _File, PlanError, where=path.name)
    sizes = [file.parts[part] for part in ("train", "validation", "test")]
    folds = {SCHEME: Folds(seed=0, shares=tuple(size / sum(sizes) for size in sizes))}
    corpus = Corpus(path.stem, dataset=path.stem, source="drawn", printed_tracks=0, steps=(), folds=folds)
    if file.correlation:
        corpus = replace(corpus, correlation=file.correlation)
    return World(path.stem, plain(file), corpus)
