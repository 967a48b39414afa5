"""What a corpus is: the rules that its TOML file states."""

from collections.abc import Mapping
from dataclasses import dataclass

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
    """How tracks are split.

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
    """How the genre correlation matrix is made (Ru 2023; ML-GCN, Chen et al. 2019): `pipelines.transforms.genre_graph`.

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
        decides: Whose opinion on the language decides, see `pipelines.transforms.language`.
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
