"""The rules of a corpus, as its TOML file states them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from warehouse.parsing import Maximum, Minimum, SpecError, read

ScopeRule = Literal["drop_labels", "drop_samples", "several", "floor"]
Share = Annotated[float, Minimum(0), Maximum(1)]
SIDES = ("train", "validation", "test")
FOLDER = Path(__file__).parent
ROUNDING = 1e-9


class CorpusError(ValueError):
    """A corpus file that cannot be used; the message names file, key, expected and found."""


@dataclass(frozen=True)
class Step:
    """One filter of a corpus: the rule, and what the reader sees in corpus.steps.

    Attributes:
        step: Name of the step.
        filter: Name of the rule, a function of `pipelines.corpora.filters` or `select`.
        reason: Why tracks go.
        reason_drop_samples: The same under this scope rule, where it is an alternative of the corpus and differs.
        reason_drop_labels: As above.
        reason_several: As above.
        reason_floor: As above.
    """

    step: str
    filter: Literal[
        "raw", "readable", "subset", "known_issue", "complete", "match", "language", "lyrics", "audio", "labels"
    ]
    reason: str
    reason_drop_samples: str = ""
    reason_drop_labels: str = ""
    reason_several: str = ""
    reason_floor: str = ""

    def reason_in(self, scope_rule: str) -> str:
        """Why tracks go under a scope rule."""
        return getattr(self, f"reason_{scope_rule}") or self.reason


@dataclass(frozen=True)
class Folds:
    """Rules by which tracks are split.

    Attributes:
        seed: Seed of every draw.
        equal: Number of equal folds, each the test part once; 0 where there are shares.
        kind: `random`, `stratified` (multi-label, Sechidis et al. 2011) or `shipped` (what the dataset states).
        shares: Shares of train, validation and test, which are folds 0, 1 and 2; empty where folds are equal.
        by_artist: Whether an artist's tracks stay together.
    """

    seed: int
    equal: Annotated[int, Minimum(2)] = field(metadata={"key": "n"}, default=0)
    kind: Literal["random", "stratified", "shipped"] = "random"
    shares: tuple[Share, ...] = ()
    by_artist: bool = False

    def __post_init__(self) -> None:
        """Refuse both or neither of equal folds and shares, and shares that do not add up."""
        if bool(self.equal) == bool(self.shares):
            raise SpecError("", f"either n (equal folds) or shares of {', '.join(SIDES)}", self.equal or "neither")
        if self.shares and (len(self.shares) != len(SIDES) or abs(sum(self.shares) - 1) > ROUNDING):
            expected = f"three numbers for {', '.join(SIDES)} that add up to 1"
            raise SpecError("shares", expected, list(self.shares))

    @property
    def n(self) -> int:
        """Number of parts."""
        return len(self.parts)

    @property
    def parts(self) -> tuple[float, ...]:
        """Share of every part; they add up to 1."""
        return self.shares or (1 / self.equal,) * self.equal


@dataclass(frozen=True)
class Correlation:
    """Rules of the genre correlation matrix (Ru 2023; ML-GCN, Chen et al. 2019): see `pipelines.genres.correlation`.

    Attributes:
        probability_weight: w of A = w P + (1 - w) S.
        threshold: Entries below it become 0; 0 keeps all.
        reweight: `none`, `paper` (formula of the ML-GCN paper) or `repo` (its published code).
        p: Weight given to the neighbours: 0.2 in the paper, 0.25 in the code.
    """

    probability_weight: Share
    threshold: Share
    reweight: Literal["none", "paper", "repo"]
    p: Share


@dataclass(frozen=True)
class Language:
    """Language kept, empty where it does not matter, and whose opinion decides (`pipelines.lyrics.language`)."""

    keep: str
    decides: Literal["dataset", "langdetect", "both"]


@dataclass(frozen=True)
class GenreScope:
    """Which genres count, and what becomes of tracks and labels outside.

    Attributes:
        k: Number of genres in scope; 0 where genres do not matter.
        k_sample: The same on the sample corpus.
        counted_on: Tracks on which genres are counted: `english` (those in the language kept), `all`, or `filtered`
            (those that every filter before the labels leaves).
        rule: What becomes of labels outside the scope: `drop_labels`, `drop_samples`, `several`, which is drop_samples
            without the tracks of one genre alone, or `floor`, which is drop_labels with every genre of at least
            `floor` tracks in scope in place of the k most frequent.
        alternatives: Other scope rules that are walked too, for their steps and sizes.
        keep_unlabelled: Whether drop_labels and floor keep a track that is left without a label.
        floor: Least number of tracks of a genre under scope rule floor.
        floor_sample: The same on the sample corpus.
        labels: Where labels come from: `genres`, or `genre_top` of the dataset's own table.
    """

    k: Annotated[int, Minimum(1)]
    k_sample: Annotated[int, Minimum(1)]
    counted_on: Literal["english", "all", "filtered"] = field(metadata={"key": "from"})
    rule: ScopeRule = field(metadata={"key": "scope_rule"})
    alternatives: tuple[ScopeRule, ...]
    keep_unlabelled: bool
    floor: Annotated[int, Minimum(1)] = 0
    floor_sample: Annotated[int, Minimum(1)] = 0
    labels: Literal["genres", "genre_top"] = "genres"

    def __post_init__(self) -> None:
        """Refuse the rule among its alternatives, and rule floor without a floor."""
        if self.rule in self.alternatives:
            raise SpecError("alternatives", "rules other than scope_rule", self.rule)
        for key in ("floor", "floor_sample"):
            if "floor" in self.rules and not getattr(self, key):
                raise SpecError(key, "at least 1 with rule floor", getattr(self, key))

    @property
    def rules(self) -> tuple[str, ...]:
        """Scope rules that are walked, the corpus' own first."""
        return (self.rule, *self.alternatives)


NO_GENRES = GenreScope(0, 0, "all", "drop_labels", (), keep_unlabelled=True)


@dataclass(frozen=True)
class Match:
    """Dataset whose lyrics, language and genres are taken through corpus.matches, and the kinds of match admitted."""

    dataset: str
    kinds: tuple[Literal["exact", "normalised", "fuzzy"], ...]


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
        complete: Columns of core.tracks that filter `complete` asks for.
        subsets: Values that filter `subset` admits.
        language: Language kept.
        scope: Genres that count.
        match: Where lyrics and genres come from, if from another dataset.
        correlation: How the genre correlation matrix is made.
    """

    name: str
    dataset: str
    source: str
    printed_tracks: Annotated[int, Minimum(0)]
    steps: tuple[Step, ...]
    folds: Mapping[str, Folds]
    complete: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    language: Language = Language("", "dataset")
    scope: GenreScope = field(metadata={"key": "genre_scope"}, default=NO_GENRES)
    match: Match = Match("", ())
    correlation: Correlation = Correlation(0.5, 0.0, "none", 0.2)

    @property
    def has_genres(self) -> bool:
        """Whether the corpus has genres in scope."""
        return self.scope.k > 0

    @property
    def datasets(self) -> tuple[str, ...]:
        """Datasets it rests on."""
        return (self.dataset, self.match.dataset) if self.match.dataset else (self.dataset,)

    def variant(self, scope_rule: str) -> str:
        """Name of the corpus under one of its rules."""
        return self.name if scope_rule == self.scope.rule else f"{self.name}_{scope_rule}"

    def genres_in_scope(self, data_kind: str) -> int:
        """Number of genres in scope, on `sample` or `real` data."""
        return self.scope.k_sample if data_kind == "sample" else self.scope.k

    def least_tracks(self, data_kind: str) -> int:
        """Least number of tracks of a genre under scope rule floor, on `sample` or `real` data."""
        return self.scope.floor_sample if data_kind == "sample" else self.scope.floor


def load_corpus(name: str, folder: Path = FOLDER) -> Corpus:
    """Read `<folder>/<name>.toml`.

    Raises:
        CorpusError: naming file and key for anything missing, unknown or of the wrong kind.
    """
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(corpus_names(folder))
        raise CorpusError(f"No corpus {name!r}: {path} is missing. There are: {known}.")
    corpus = read(path, Corpus, CorpusError, name=name)
    filters = [step.filter for step in corpus.steps]
    last = filters[-1:] == ["labels"] if corpus.has_genres else "labels" not in filters
    if filters[:2] != ["raw", "readable"] or not last or len(set(filters)) < len(filters):
        raise CorpusError(
            f"{path}: steps: expected raw and readable first, labels "
            f"{'last' if corpus.has_genres else 'nowhere without [genre_scope]'}, each at most once, found "
            f"{', '.join(filters)}."
        )
    return corpus


def load_corpora(folder: Path = FOLDER) -> list[Corpus]:
    """Read every corpus of a folder, sorted by name."""
    return [load_corpus(name, folder) for name in corpus_names(folder)]


def corpus_names(folder: Path = FOLDER) -> list[str]:
    """Names of the corpora of a folder, sorted, without reading their files."""
    return sorted(path.stem for path in folder.glob("*.toml"))
