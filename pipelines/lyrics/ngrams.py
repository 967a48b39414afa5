"""Character n-grams of a text as langdetect counts them, as numbers in numpy arrays."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from langdetect.utils.ngram import NGram

SPACE = 1  # number of the space in every alphabet; 0 stands for no character
PLANE = 0x10000  # code points that langdetect normalises; those beyond stay as they are
CODE_POINTS = 0x110000
SLOT_BITS = 20  # 12 slots for each n-gram of the profiles: 1 look-up in 12 that misses needs a second one
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP vol. 3, section 6.4)


@dataclass(frozen=True)
class Alphabet:
    """Characters of the profiles numbered from 1.

    Attributes:
        digits: Number of each character, of those too that normalising leaves in no text.
        base: One more than the highest number, the digit base of the n-grams' keys.
        numbers: Number of the normalised character by code point, [0x110000]; `base - 1` where no profile has it.
        upper: Whether the normalised character is a capital, [0x110000].
    """

    digits: Mapping[str, int]
    base: int
    numbers: np.ndarray
    upper: np.ndarray


def alphabet_of(grams: Iterable[str]) -> Alphabet:
    """Number the characters of these n-grams."""
    characters = [" ", *sorted(set().union(*grams) - {" "})]
    digits = {character: index for index, character in enumerate(characters, start=SPACE)}
    base = len(characters) + 2
    numbers = np.full(CODE_POINTS, base - 1, np.int64)
    upper = np.fromiter(map(str.isupper, map(chr, range(CODE_POINTS))), np.bool_, CODE_POINTS)
    for point in range(PLANE):
        character = NGram.normalize(chr(point))
        numbers[point] = digits.get(character, base - 1)
        upper[point] = character.isupper()
    return Alphabet(digits, base, numbers, upper)


def gram_keys(points: np.ndarray, alphabet: Alphabet) -> np.ndarray:
    """Keys of all 1-, 2- and 3-grams in langdetect's order (`Detector._extract_ngrams`); 0 where there is none.

    A run of spaces counts as one, a text starts after a space, no 3-gram crosses a space, and a capital after a capital
    ends no n-gram.

    Args:
        points: Code points of the text, [characters].
        alphabet: Of the profiles.

    Returns:
        Keys [3 × characters], of which the first of each three is a 1-gram's.
    """
    numbers = np.concatenate([[SPACE], alphabet.numbers[points]])
    upper = np.concatenate([[False], alphabet.upper[points]])
    space = numbers == SPACE
    kept = np.concatenate([[True], ~(space[1:] & space[:-1])])
    numbers, upper, space = numbers[kept], upper[kept], space[kept]
    own, before = numbers[1:], numbers[:-1]
    keys = np.empty((len(own), 3), np.int64)
    keys[:, 0] = np.where(space[1:], 0, own)
    keys[:, 1] = before * alphabet.base + own
    keys[:1, 2] = 0
    keys[1:, 2] = np.where(space[1:-1], 0, numbers[:-2] * alphabet.base**2 + keys[1:, 1])
    keys[upper[1:] & upper[:-1]] = 0
    return keys.ravel()


@dataclass(frozen=True)
class GramIndex:
    """Hash table of n-gram keys with linear probing (Knuth, TAOCP vol. 3, section 6.4, algorithm L).

    Attributes:
        slots: Key in each slot, 0 where it is free, [2^SLOT_BITS].
        rows: The key's row, [2^SLOT_BITS].
    """

    slots: np.ndarray
    rows: np.ndarray

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Row of each key, -1 where there is none: [keys]."""
        slot = _first_slot(keys)
        there = self.slots[slot]
        pending = np.flatnonzero((there != keys) & (there != 0))
        while pending.size:
            slot[pending] = (slot[pending] + 1) % len(self.slots)
            there[pending] = self.slots[slot[pending]]
            pending = pending[(there[pending] != keys[pending]) & (there[pending] != 0)]
        return np.where((there == keys) & (keys != 0), self.rows[slot], -1)


def gram_index(grams: Collection[str], alphabet: Alphabet) -> GramIndex:
    """Index of these n-grams, whose rows are their places."""
    keys = np.array([_key(gram, alphabet) for gram in grams])
    index = GramIndex(np.zeros(1 << SLOT_BITS, np.int64), np.full(1 << SLOT_BITS, -1, np.int32))
    slot = _first_slot(keys)
    pending = np.arange(len(keys))
    while pending.size:
        free = pending[index.slots[slot[pending]] == 0]
        _, first = np.unique(slot[free], return_index=True)
        placed = free[first]
        index.slots[slot[placed]], index.rows[slot[placed]] = keys[placed], placed
        pending = np.setdiff1d(pending, placed)
        slot[pending] = (slot[pending] + 1) % len(index.slots)
    return index


def _first_slot(keys: np.ndarray) -> np.ndarray:
    """Slot to begin with: multiplied, folded and multiplied again, as keys of one script lie in regular steps."""
    mixed = keys.view(np.uint64) * MULTIPLIER
    mixed ^= mixed >> np.uint64(32)
    mixed *= MULTIPLIER
    return (mixed >> np.uint64(64 - SLOT_BITS)).view(np.int64)


def _key(gram: str, alphabet: Alphabet) -> int:
    """Number of an n-gram in the alphabet's base."""
    key = 0
    for character in gram:
        key = key * alphabet.base + alphabet.digits[character]
    return key
