"""What a mutator is, and what it may declare."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
KEPT, GONE, EITHER = "kept", "gone", "either"
ANYTHING = ("*",)


@dataclass(frozen=True)
class Mutator(Generic[Thing]):
    """One way to make an input hostile.

    Attributes:
        name: Of the mutator, unique among those of its target.
        change: Makes the mutated thing of the thing; a row is fields or a line, a file is a path that it works on.
        reasons: One of these must be on record in core.rejects for the target; none: the damage needs no word, since
            nothing is lost by it; `ANYTHING`: what becomes of it depends on chance, and only the books must balance.
        track: Whether the track of the row is kept.
        weight: How often it is drawn; small for what takes seconds.
    """

    name: str
    change: Callable[[Thing, Random], Thing]
    reasons: tuple[str, ...] = ()
    track: str = KEPT
    weight: float = 1.0


def drawn(mutators: Sequence[Mutator[Thing]], random: Random) -> Mutator[Thing]:
    """One of some mutators."""
    return random.choices(mutators, [mutator.weight for mutator in mutators])[0]


def flipped(content: bytes, random: Random) -> bytes:
    """With some bits turned; no line feed comes or goes."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(changed)) if changed else 0
        if changed and changed[place] != 10 and changed[place] ^ (bit := 1 << random.randrange(8)) != 10:
            changed[place] ^= bit
    return bytes(changed)
