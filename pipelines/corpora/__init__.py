"""Corpora as data: one TOML file each, read into `Corpus`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILTERS = ("raw", "readable", "language", "lyrics", "audio", "labels")
DECIDES = ("dataset", "langdetect", "both")
SCOPES = ("english", "all")
DROP_SAMPLES_SUFFIX = "_drop_samples"


class CorpusError(ValueError):
    """A corpus file that cannot be used; the message names file, key, expected and found."""


@dataclass(frozen=True)
class Step:
    """One filter of a corpus: the rule, and what the reader sees in corpus.steps.

    Attributes:
        step: Name of the step.
        filter: Name of the rule, one of `FILTERS`.
        reason: Why tracks go.
        reason_drop_samples: The same in the drop_samples variant, where it differs.
    """

    step: str
    filter: str
    reason: str
    reason_drop_samples: str = ""

    def reason_in(self, corpus: str) -> str:
        """Why tracks of `corpus` go."""
        return (corpus.endswith(DROP_SAMPLES_SUFFIX) and self.reason_drop_samples) or self.reason


@dataclass(frozen=True)
class Folds:
    """A shuffled k-fold split: number of folds and seed."""

    n: int
    seed: int


@dataclass(frozen=True)
class Corpus:
    """One corpus.

    Attributes:
        name: For example `m4a`; `<name>_drop_samples` is its variant under the other label policy.
        dataset: Dataset it selects from.
        source: Where it is described.
        language: Language kept.
        decides: Whose opinion on the language decides, see `pipelines.transforms.language`.
        k: Number of genres in scope.
        k_sample: The same on the sample corpus.
        scope_from: Tracks on which genres are counted: `english` (those in the language kept) or `all`.
        folds: Splits by scheme.
        steps: Filters in their order.
    """

    name: str
    dataset: str
    source: str
    language: str
    decides: str
    k: int
    k_sample: int
    scope_from: str
    folds: Mapping[str, Folds]
    steps: tuple[Step, ...]

    def genres_in_scope(self, data_kind: str) -> int:
        """Number of genres in scope, on `sample` or `real` data."""
        return self.k_sample if data_kind == "sample" else self.k


def load_corpus(name: str, folder: Path = FOLDER) -> Corpus:
    """Read `<folder>/<name>.toml`.

    Raises:
        CorpusError: naming file and key for anything missing, unknown or of the wrong kind.
    """
    path = folder / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(other.stem for other in folder.glob("*.toml")))
        raise CorpusError(f"No corpus {name!r}: {path} is missing. There are: {known}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"{path} is not TOML: {error}") from error
    top = _checked(
        path,
        "",
        content,
        {"dataset": str, "source": str, "language": dict, "genre_scope": dict, "folds": dict, "steps": list},
    )
    language = _checked(path, "language.", top["language"], {"keep": str, "decides": str})
    scope = _checked(path, "genre_scope.", top["genre_scope"], {"k": int, "k_sample": int, "from": str})
    _choice(path, "language.decides", language["decides"], DECIDES)
    _choice(path, "genre_scope.from", scope["from"], SCOPES)
    return Corpus(
        name=name,
        dataset=top["dataset"],
        source=top["source"],
        language=language["keep"],
        decides=language["decides"],
        k=_at_least(path, "genre_scope.k", scope["k"], 1),
        k_sample=_at_least(path, "genre_scope.k_sample", scope["k_sample"], 1),
        scope_from=scope["from"],
        folds={scheme: _folds(path, scheme, entry) for scheme, entry in top["folds"].items()},
        steps=_steps(path, top["steps"]),
    )


def load_corpora(folder: Path = FOLDER) -> list[Corpus]:
    """Read every corpus of a folder, sorted by name."""
    return [load_corpus(path.stem, folder) for path in sorted(folder.glob("*.toml"))]


def _steps(path: Path, entries: list[Any]) -> tuple[Step, ...]:
    steps = []
    for place, entry in enumerate(entries, start=1):
        where = f"steps[{place}]."
        kinds = {"step": str, "filter": str, "reason": str}
        if isinstance(entry, dict) and "reason_drop_samples" in entry:
            kinds["reason_drop_samples"] = str
        step = Step(**_checked(path, where, entry, kinds))
        _choice(path, f"{where}filter", step.filter, FILTERS)
        steps.append(step)
    filters = [step.filter for step in steps]
    if filters[:2] != ["raw", "readable"] or filters[-1] != "labels" or len(set(filters)) < len(filters):
        raise CorpusError(
            f"{path}: steps are {', '.join(filters)}; expected raw and readable first, labels last, each at most once."
        )
    return tuple(steps)


def _folds(path: Path, scheme: str, entry: Any) -> Folds:
    values = _checked(path, f"folds.{scheme}.", entry, {"n": int, "seed": int})
    _at_least(path, f"folds.{scheme}.n", values["n"], 2)
    return Folds(**values)


def _checked(path: Path, prefix: str, entry: Any, kinds: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise CorpusError(f"{path}: {prefix.rstrip('.')}: expected keys {', '.join(kinds)}, found {entry!r}.")
    for key in entry.keys() - kinds.keys():
        raise CorpusError(f"{path}: unknown key {prefix}{key}; expected {', '.join(kinds)}.")
    for key, kind in kinds.items():
        value = entry.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise CorpusError(f"{path}: {prefix}{key}: expected a value of type {kind.__name__}, found {value!r}.")
    return entry


def _choice(path: Path, key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise CorpusError(f"{path}: {key} is {value!r}; expected one of {', '.join(choices)}.")


def _at_least(path: Path, key: str, value: int, least: int) -> int:
    if value < least:
        raise CorpusError(f"{path}: {key} is {value}; expected at least {least}.")
    return value
