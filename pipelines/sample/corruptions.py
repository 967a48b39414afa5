"""Applies the corruptions of `corruptions.toml` to planned songs, and writes malformed rows that belong to none."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines.sample.planting import planted
from pipelines.sample.songs import Song, fresh_identifiers

REFERENCE_TRACKS = 180  # corpus size that the counts in corruptions.toml are for
FEWEST_CLEAN = 12  # songs without one: for the planted duplicates to repeat, and for five folds to hold something


@dataclass(frozen=True)
class PlantedRow:
    """A row of id_information.csv that a reader must refuse.

    Attributes:
        case: Name of the case in corruptions.toml.
        reason: Expected core.rejects.reason.
        track_id: Its first field.
        text: The row as written, without the line end.
    """

    case: str
    reason: str
    track_id: str
    text: str


def corrupt_songs(songs: list[Song], seed: int) -> list[Song]:
    """Give each case its songs, chosen at random and each with one case at most.

    Raises:
        ValueError: if there are too few songs to have every case and some clean ones.
    """
    rng = np.random.default_rng([seed, 1])
    cases = planted("corruptions")["cases"]
    counts = {name: _count(case["count"], len(songs)) for name, case in cases.items()}
    needed = sum(counts.values()) + FEWEST_CLEAN
    if len(songs) < needed:
        raise ValueError(
            f"a sample corpus of {len(songs)} tracks cannot hold all corruptions; ask for {needed} or more"
        )
    order = rng.permutation(len(songs)).tolist()
    planted_songs = list(songs)
    clean = [songs[index] for index in order[sum(counts.values()) :]]
    for name, count in counts.items():
        for _ in range(count):
            index = order.pop(0)
            planted_songs[index] = _apply(name, cases[name], songs[index], clean[int(rng.integers(len(clean)))])
    return planted_songs


def malformed_rows(songs: list[Song], seed: int) -> list[PlantedRow]:
    """Rows that a reader must refuse, for id_information.csv."""
    rng = np.random.default_rng([seed, 2])
    clean = [song.track_id for song in songs if not song.cases]
    rows = []
    for entry in planted("corruptions")["rows"]:
        known, fresh = str(rng.choice(clean)), fresh_identifiers(rng, 1)[0]
        fields = [field.format(id=fresh, known=known) for field in entry["fields"]]
        rows.append(PlantedRow(entry["case"], entry["reason"], fields[0], "\t".join(fields)))
    return rows


def _count(at_reference: int, tracks: int) -> int:
    return max(1, round(at_reference * tracks / REFERENCE_TRACKS))


def _apply(name: str, case: dict[str, Any], song: Song, source: Song) -> Song:
    copied: dict[str, Any] = {field: getattr(source, field) for field in case.get("copy", ())}
    given: dict[str, Any] = {
        field: tuple(value) if isinstance(value, list) else value for field, value in case.get("set", {}).items()
    }
    return replace(song, **copied, **given, cases=(name,), copy_of=source.track_id if copied else "")
