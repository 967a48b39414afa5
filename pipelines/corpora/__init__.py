"""Corpora as data: one TOML file each, read into `Corpus`."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.corpora.schema import (
    DECIDES,
    FILTERS,
    FOLD_KINDS,
    LABELS,
    MATCH_KINDS,
    REWEIGHTS,
    SCOPE_RULES,
    SCOPES,
    SIDES,
    Corpus,
    CorpusError,
    Correlation,
    Folds,
    Step,
)
from pipelines.corpora.values import at_least, checked, choice, choices, share

__all__ = [
    "FOLDER",
    "Corpus",
    "CorpusError",
    "Correlation",
    "Folds",
    "Step",
    "corpus_names",
    "load_corpora",
    "load_corpus",
]

FOLDER = Path(__file__).parent
ROUNDING = 1e-9


def load_corpus(name: str, folder: Path = FOLDER) -> Corpus:
    """Read `<folder>/<name>.toml`.

    Raises:
        CorpusError: naming file and key for anything missing, unknown or of the wrong kind.
    """
    path = folder / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(corpus_names(folder))
        raise CorpusError(f"No corpus {name!r}: {path} is missing. There are: {known}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CorpusError(f"{path} is not TOML: {error}") from error
    needed = {"dataset": str, "source": str, "printed_tracks": int, "folds": dict, "steps": list}
    optional = {"complete": list, "subsets": list, **dict.fromkeys(SECTIONS, dict)}
    top = checked(path, "", content, needed, optional)
    rules: dict[str, Any] = {}
    for section, read in SECTIONS.items():
        if section in top:
            rules |= read(path, top[section])
    alternatives = rules.get("alternatives", ())
    return Corpus(
        name=name,
        dataset=top["dataset"],
        source=top["source"],
        printed_tracks=at_least(path, "printed_tracks", top["printed_tracks"], 0),
        complete=choices(path, "complete", top.get("complete", []), None),
        subsets=choices(path, "subsets", top.get("subsets", []), None),
        folds={scheme: _folds(path, scheme, entry) for scheme, entry in top["folds"].items()},
        steps=_steps(path, top["steps"], alternatives, has_labels="genre_scope" in top),
        **rules,
    )


def load_corpora(folder: Path = FOLDER) -> list[Corpus]:
    """Read every corpus of a folder, sorted by name."""
    return [load_corpus(name, folder) for name in corpus_names(folder)]


def corpus_names(folder: Path = FOLDER) -> list[str]:
    """Names of the corpora of a folder, sorted, without reading their files."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def _language(path: Path, entry: Any) -> dict[str, Any]:
    values = checked(path, "language.", entry, {"keep": str, "decides": str})
    choice(path, "language.decides", values["decides"], DECIDES)
    return {"language": values["keep"], "decides": values["decides"]}


def _genre_scope(path: Path, entry: Any) -> dict[str, Any]:
    needed = {"k": int, "k_sample": int, "from": str, "scope_rule": str, "alternatives": list, "keep_unlabelled": bool}
    optional = {"floor": int, "floor_sample": int, "labels": str}
    values = checked(path, "genre_scope.", entry, needed, optional)
    choice(path, "genre_scope.from", values["from"], SCOPES)
    choice(path, "genre_scope.scope_rule", values["scope_rule"], SCOPE_RULES)
    choice(path, "genre_scope.labels", values.get("labels", LABELS[0]), LABELS)
    others = tuple(rule for rule in SCOPE_RULES if rule != values["scope_rule"])
    alternatives = choices(path, "genre_scope.alternatives", values["alternatives"], others)
    floors = ("floor", "floor_sample") if "floor" in (values["scope_rule"], *alternatives) else ()
    for key in ("k", "k_sample", *floors):
        at_least(path, f"genre_scope.{key}", values.get(key, 0), 1)
    return {
        "scope_from": values["from"],
        "alternatives": alternatives,
        **{key: value for key, value in values.items() if key not in ("from", "alternatives")},
    }


def _match(path: Path, entry: Any) -> dict[str, Any]:
    values = checked(path, "match.", entry, {"dataset": str, "kinds": list})
    return {
        "matched_dataset": values["dataset"],
        "match_kinds": choices(path, "match.kinds", values["kinds"], MATCH_KINDS),
    }


def _correlation(path: Path, entry: Any) -> dict[str, Any]:
    needed = {"probability_weight": float, "threshold": float, "reweight": str, "p": float}
    values = checked(path, "correlation.", entry, needed)
    choice(path, "correlation.reweight", values["reweight"], REWEIGHTS)
    for key in ("probability_weight", "threshold", "p"):
        share(path, f"correlation.{key}", values[key])
    return {"correlation": Correlation(**values)}


SECTIONS = {"language": _language, "genre_scope": _genre_scope, "match": _match, "correlation": _correlation}


def _steps(path: Path, entries: list[Any], alternatives: tuple[str, ...], *, has_labels: bool) -> tuple[Step, ...]:
    steps = []
    variants = {f"reason_{rule}": rule for rule in alternatives}
    for place, entry in enumerate(entries, start=1):
        where = f"steps[{place}]."
        values = checked(
            path, where, entry, dict.fromkeys(("step", "filter", "reason"), str), dict.fromkeys(variants, str)
        )
        reasons = {rule: values[key] for key, rule in variants.items() if key in values}
        steps.append(Step(values["step"], values["filter"], values["reason"], reasons))
        choice(path, f"{where}filter", steps[-1].filter, FILTERS)
    filters = [step.filter for step in steps]
    last = filters[-1] == "labels" if has_labels else "labels" not in filters
    if filters[:2] != ["raw", "readable"] or not last or len(set(filters)) < len(filters):
        raise CorpusError(
            f"{path}: steps are {', '.join(filters)}; expected raw and readable first, labels "
            f"{'last' if has_labels else 'nowhere without [genre_scope]'}, each at most once."
        )
    return tuple(steps)


def _folds(path: Path, scheme: str, entry: Any) -> Folds:
    where = f"folds.{scheme}."
    values: Mapping[str, Any] = checked(
        path, where, entry, {"seed": int}, {"n": int, "shares": list, "kind": str, "by_artist": bool}
    )
    kind = values.get("kind", FOLD_KINDS[0])
    choice(path, f"{where}kind", kind, FOLD_KINDS)
    shares = tuple(values.get("shares", ()))
    if ("n" in values) == ("shares" in values):
        raise CorpusError(
            f"{path}: {where.rstrip('.')}: expected either n (equal folds) or shares of {', '.join(SIDES)}."
        )
    if "n" in values:
        at_least(path, f"{where}n", values["n"], 2)
    elif len(shares) != len(SIDES) or abs(sum(shares) - 1) > ROUNDING:
        raise CorpusError(
            f"{path}: {where}shares is {list(shares)}; expected three numbers for {', '.join(SIDES)} that add up to 1."
        )
    for value in shares:
        share(path, f"{where}shares", value)
    return Folds(values.get("n", len(shares)), values["seed"], kind, shares, values.get("by_artist", False))
