"""The rules of a corpus, as its TOML file states them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILTERS = (
    "raw",
    "readable",
    "subset",
    "known_issue",
    "complete",
    "match",
    "language",
    "lyrics",
    "audio",
    "labels",
)
DECIDES = ("dataset", "langdetect", "both")
SCOPES = ("english", "all", "filtered")
SCOPE_RULES = ("drop_labels", "drop_samples", "floor")
LABELS = ("genres", "genre_top")
MATCH_KINDS = ("exact", "normalised", "fuzzy")
FOLD_KINDS = ("random", "stratified", "shipped")
REWEIGHTS = ("none", "paper", "repo")
SIDES = ("train", "validation", "test")


class CorpusError(ValueError):
    """A corpus file that cannot be used; the message names file, key, expected and found."""


@dataclass(frozen=True)
class Step:
    """One filter of a corpus: the rule, and what the reader sees in corpus.steps.

    Attributes:
        step: Name of the step.
        filter: Name of the rule, one of `FILTERS`.
        reason: Why tracks go.
        reasons: The same under one of the corpus' alternative scope rules, where it differs.
    """

    step: str
    filter: str
    reason: str
    reasons: Mapping[str, str]

    def reason_in(self, scope_rule: str) -> str:
        """Why tracks go under a scope rule."""
        return self.reasons.get(scope_rule, self.reason)


@dataclass(frozen=True)
class Folds:
    """Rules by which tracks are split.

    Attributes:
        n: Number of parts.
        seed: Seed of every draw.
        kind: `random`, `stratified` (multi-label, Sechidis et al. 2011) or `shipped` (what the dataset states).
        shares: Shares of train, validation and test, which are folds 0, 1 and 2; empty: n equal folds, each the test
            part once.
        by_artist: Whether an artist's tracks stay together.
    """

    n: int
    seed: int
    kind: str = "random"
    shares: tuple[float, ...] = ()
    by_artist: bool = False

    @property
    def parts(self) -> tuple[float, ...]:
        """Share of every part; they add up to 1."""
        return self.shares or (1 / self.n,) * self.n


@dataclass(frozen=True)
class Correlation:
    """Rules of the genre correlation matrix (Ru 2023; ML-GCN, Chen et al. 2019): see `pipelines.genres.correlation`.

    Attributes:
        probability_weight: w of A = w P + (1 - w) S.
        threshold: Entries below it become 0; 0 keeps all.
        reweight: `none`, `paper` (formula of the ML-GCN paper) or `repo` (its published code).
        p: Weight given to the neighbours: 0.2 in the paper, 0.25 in the code.
    """

    probability_weight: float
    threshold: float
    reweight: str
    p: float


@dataclass(frozen=True)
class Corpus:
    """One corpus.

    Attributes:
        name: For example `m4a`; `<name>_<scope rule>` is its variant under another scope rule.
        dataset: Dataset it selects from.
        source: Where it is described.
        printed_tracks: Number of tracks that the source prints; 0 where it prints none.
        steps: Filters in their order.
        folds: Splits by scheme.
        language: Language kept; empty where language does not matter.
        decides: Whose opinion on the language decides, see `pipelines.lyrics.language`.
        k: Number of genres in scope; 0 where genres do not matter.
        k_sample: The same on the sample corpus.
        scope_from: Tracks on which genres are counted: `english` (those in the language kept), `all`, or `filtered`
            (those that every filter before the labels leaves).
        scope_rule: What becomes of labels outside the scope: `drop_labels`, `drop_samples`, or `floor`, which is
            drop_labels with every genre of at least `floor` tracks in scope in place of the k most frequent.
        alternatives: Other scope rules that are walked too, for their steps and sizes.
        keep_unlabelled: Whether drop_labels and floor keep a track that is left without a label.
        floor: Least number of tracks of a genre under scope rule floor.
        floor_sample: The same on the sample corpus.
        labels: Where labels come from: `genres`, or `genre_top` of the dataset's own table.
        complete: Columns of core.tracks that filter `complete` asks for.
        subsets: Values that filter `subset` admits.
        matched_dataset: Dataset whose lyrics, language and genres are taken through corpus.matches; else empty.
        match_kinds: Kinds of match that filter `match` admits.
        correlation: How the genre correlation matrix is made.
    """

    name: str
    dataset: str
    source: str
    printed_tracks: int
    steps: tuple[Step, ...]
    folds: Mapping[str, Folds]
    language: str = ""
    decides: str = "dataset"
    k: int = 0
    k_sample: int = 0
    scope_from: str = "all"
    scope_rule: str = "drop_labels"
    alternatives: tuple[str, ...] = ()
    keep_unlabelled: bool = True
    floor: int = 0
    floor_sample: int = 0
    labels: str = "genres"
    complete: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    matched_dataset: str = ""
    match_kinds: tuple[str, ...] = ()
    correlation: Correlation = Correlation(0.5, 0.0, "none", 0.2)

    @property
    def has_genres(self) -> bool:
        """Whether the corpus has genres in scope."""
        return self.k > 0

    @property
    def rules(self) -> tuple[str, ...]:
        """Scope rules that are walked, the corpus' own first."""
        return (self.scope_rule, *self.alternatives)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Datasets it rests on."""
        return (self.dataset, self.matched_dataset) if self.matched_dataset else (self.dataset,)

    def variant(self, scope_rule: str) -> str:
        """Name of the corpus under one of its rules."""
        return self.name if scope_rule == self.scope_rule else f"{self.name}_{scope_rule}"

    def genres_in_scope(self, data_kind: str) -> int:
        """Number of genres in scope, on `sample` or `real` data."""
        return self.k_sample if data_kind == "sample" else self.k

    def least_tracks(self, data_kind: str) -> int:
        """Least number of tracks of a genre under scope rule floor, on `sample` or `real` data."""
        return self.floor_sample if data_kind == "sample" else self.floor


def checked(
    path: Path, prefix: str, entry: Any, needed: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> dict[str, Any]:
    """Give a table's values if it has every needed key, no unknown one, and each of its type."""
    kinds = {**needed, **(optional or {})}
    if not isinstance(entry, dict):
        raise CorpusError(f"{path}: {prefix.rstrip('.')}: expected keys {', '.join(kinds)}, found {entry!r}.")
    for key in entry.keys() - kinds.keys():
        raise CorpusError(f"{path}: unknown key {prefix}{key}; expected {', '.join(kinds)}.")
    for key in (*needed, *(key for key in kinds if key not in needed and key in entry)):
        value, kind = entry.get(key), kinds[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise CorpusError(f"{path}: {prefix}{key}: expected a value of type {kind.__name__}, found {value!r}.")
    return entry


def choice(path: Path, key: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse a value that is not one of `allowed`."""
    if value not in allowed:
        raise CorpusError(f"{path}: {key} is {value!r}; expected one of {', '.join(allowed)}.")


def choices(path: Path, key: str, values: Sequence[Any], allowed: Sequence[str] | None) -> tuple[str, ...]:
    """Give a list of texts as a tuple; refuse values that are not of `allowed`, where it is given."""
    for value in values:
        if not isinstance(value, str):
            raise CorpusError(f"{path}: {key}: expected texts, found {value!r}.")
        if allowed is not None:
            choice(path, key, value, allowed)
    return tuple(values)


def at_least(path: Path, key: str, value: int, least: int) -> int:
    """Refuse a number below `least`."""
    if value < least:
        raise CorpusError(f"{path}: {key} is {value}; expected at least {least}.")
    return value


def share(path: Path, key: str, value: Any) -> None:
    """Refuse what is no number from 0 to 1."""
    if not isinstance(value, float) or not 0 <= value <= 1:
        raise CorpusError(f"{path}: {key} is {value!r}; expected a number with a decimal point from 0.0 to 1.0.")


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
