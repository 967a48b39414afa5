"""langdetect's own answers, many texts at a time.

The arithmetic and the random draws are langdetect 1.0.9's, operation by operation, so that every probability is the
same to the last bit: naive Bayes over the character n-grams of the whole text, in seven seeded trials (Shuyo 2010,
"Language Detection Library for Java"). Only the order of the work differs: the n-grams of a text are looked up
together, and texts go through a trial side by side. Profiles and constants are read from langdetect itself.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from langdetect.detector import Detector
from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
from langdetect.utils.ngram import NGram

from pipelines.lyrics.ngrams import Alphabet, GramIndex, alphabet_of, gram_index, gram_keys

TRIALS = 7  # Detector.n_trial
MAX_CHARACTERS = 10_000  # Detector.max_text_length
CHECK_EVERY = 5  # updates between two normalisations in Detector._detect_block


@dataclass(frozen=True)
class Model:
    """langdetect's profiles as arrays.

    Attributes:
        languages: Codes in langdetect's order.
        alphabet: Numbers of the characters.
        index: Where to find an n-gram's row.
        probabilities: Probability of each n-gram in each language, [n-grams, languages].
    """

    languages: tuple[str, ...]
    alphabet: Alphabet
    index: GramIndex
    probabilities: np.ndarray


class StepRandom(NamedTuple):
    """A text's n-grams and where its random draws come from."""

    generator: random.Random
    grams: np.ndarray


@cache
def load_model() -> Model:
    """Read the profiles that langdetect ships with; once a process, about 0.6 s."""
    factory = DetectorFactory()
    factory.load_profile(PROFILES_DIRECTORY)
    grams, languages = factory.word_lang_prob_map, tuple(factory.langlist)
    alphabet = alphabet_of(grams)
    values = np.fromiter(chain.from_iterable(grams.values()), np.float64, len(grams) * len(languages))
    return Model(languages, alphabet, gram_index(grams, alphabet), values.reshape(len(grams), len(languages)))


def language_probabilities(texts: Sequence[str], seed: int) -> list[np.ndarray | None]:
    """Probability of each of `load_model().languages` for each text, as `Detector.langprob` has it.

    Returns:
        One array [languages] a text; None where langdetect raises `LangDetectException: No features in text.`
    """
    model = load_model()
    found = [_known_grams(text, model) for text in texts]
    having = [number for number, grams in enumerate(found) if grams.size]
    answers: list[np.ndarray | None] = [None] * len(texts)
    if having:
        for number, row in zip(having, _run_trials([found[number] for number in having], model, seed), strict=True):
            answers[number] = row
    return answers


def _known_grams(text: str, model: Model) -> np.ndarray:
    """Rows in the model of the n-grams of a text, in langdetect's order, repetitions kept: [n-grams]."""
    if "://" in text:
        text = Detector.URL_RE.sub(" ", text)
    if "@" in text:
        text = Detector.MAIL_RE.sub(" ", text)
    text = NGram.normalize_vi(text) if not text.isascii() else text
    points = np.frombuffer(text[:MAX_CHARACTERS].encode("utf-32-le", "surrogatepass"), np.uint32)
    rows = model.index.find(gram_keys(_without_quoted_latin(points), model.alphabet))
    return rows[rows >= 0]


def _without_quoted_latin(points: np.ndarray) -> np.ndarray:
    """`Detector.cleaning_text`: drop A to z from a text that is mostly in another script.

    langdetect means to spare "Latin Extended Additional" when it counts other scripts, but does not.
    """
    latin = (points >= ord("A")) & (points <= ord("z"))
    mostly_other = np.count_nonzero(latin) * 2 < np.count_nonzero(points >= 0x300)
    return points[~latin] if mostly_other else points


def _run_trials(found: Sequence[np.ndarray], model: Model, seed: int) -> np.ndarray:
    """`Detector._detect_block` for many texts: mean over the trials, [texts, languages]."""
    generators = [random.Random(seed) for _ in found]  # noqa: S311 - langdetect's own draws
    draws = [StepRandom(generator, grams) for generator, grams in zip(generators, found, strict=True)]
    total = np.zeros((len(found), len(model.languages)))
    for _ in range(TRIALS):
        alpha = np.array([0.5 + generator.gauss(0.0, 1.0) * Detector.ALPHA_WIDTH for generator in generators])
        total += _trial(draws, alpha / Detector.BASE_FREQ, model) / TRIALS
    return total


def _trial(draws: Sequence[StepRandom], weight: np.ndarray, model: Model) -> np.ndarray:
    """One trial: multiply in drawn n-grams until one language is sure, [texts, languages]."""
    languages = len(model.languages)
    result = np.empty((len(draws), languages))
    active = np.arange(len(draws))
    prob = np.full((len(draws), languages), 1.0 / languages)
    updates = 1
    while active.size:
        take = 1 if updates == 1 else CHECK_EVERY
        rows = np.array([_draw(draws[number], take) for number in active.tolist()])
        for step in range(take):
            prob *= model.probabilities[rows[:, step]] + weight[active, None]
        # sum() and not numpy's: from Python 3.12 on it is compensated, and langdetect's answers with it.
        prob /= np.array([sum(row) for row in prob.tolist()])[:, None]
        done = prob.max(axis=1) > Detector.CONV_THRESHOLD
        done |= updates > Detector.ITERATION_LIMIT
        result[active[done]] = prob[done]
        active, prob = active[~done], prob[~done]
        updates += CHECK_EVERY
    return result


def _draw(draws: StepRandom, take: int) -> list[int]:
    choice, grams = draws.generator.choice, draws.grams
    return [choice(grams) for _ in range(take)]
