"""The planted truth as data: genres, cues, corruptions, words. Read once from the TOML files of this package."""

import functools
import hashlib
import tomllib
from importlib import resources
from typing import Any

GENERATOR_VERSION = 2  # raise it when code here changes what is generated; changed TOML is noticed by itself
FILES = ("genres", "planting", "corruptions", "words", "languages", "names", "catalogues", "fma")


@functools.cache
def planted(name: str) -> dict[str, Any]:
    """Content of one of the TOML `FILES`."""
    return tomllib.loads(_source(name).decode())


@functools.cache
def generator_version() -> str:
    """Version of code and data together: two equal versions write the same bytes from the same seed."""
    digest = hashlib.sha256(b"\0".join(_source(name) for name in FILES))
    return f"{GENERATOR_VERSION}-{digest.hexdigest()[:16]}"


def planted_genres() -> tuple[str, ...]:
    """Genres with a planted cue, in planned order of frequency; every other label in the corpus is rarer than these."""
    return tuple(planted("genres"))


def companion_probabilities() -> dict[str, dict[str, float]]:
    """Known co-occurrence: chance of each companion, given the first genre of a song."""
    return {genre: dict(entry["companions"]) for genre, entry in planted("genres").items()}


def _source(name: str) -> bytes:
    return resources.files(__package__).joinpath(f"{name}.toml").read_bytes()
