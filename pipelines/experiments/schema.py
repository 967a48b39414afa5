"""Experiment files as dataclasses: printed tables with their rows, and the base files that rows start from.

Every complaint names the file, the row and the key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from mgc_models.config.run import VALIDATED
from pipelines.config import DATASET_VARIABLES
from warehouse.parsing import MISSING, UNKNOWN, Above, Below, Minimum, Pattern, SpecError, read

EXPERIMENTS = Path(__file__).parent
UNITS = {"percent": 100.0, "share": 1.0, "nats": 1.0, "plain": 1.0}
"""Printed units, each with the factor from our scores (shares of one, nats, plain numbers) to the printed number."""
Identifier = Annotated[str, Pattern(r"[a-z0-9][a-z0-9_]*", "lower-case letters, digits and _")]
Dataset = Annotated[str, Pattern("|".join(DATASET_VARIABLES), f"one of {', '.join(DATASET_VARIABLES)}")]
Stage = Literal["finetune", "pretrain"]
FINETUNE: Final = "finetune"
PRETRAIN: Final = "pretrain"
Init = Literal["configured", "random"]
EXTRA = "_extra"
"""Ends the name of the job that trains a work's rows of ours."""
ERRORS = ("loss", "log_loss", "mse")
"""Metrics of which less is better; all others are scores."""


class PlanError(ValueError):
    """An experiment file that cannot be used; the message names file, row and key, and what was expected."""


@dataclass(frozen=True)
class Metric:
    """A column of a printed table.

    Attributes:
        name: Our name of the metric, as in `run.fold_scores`.
        label: The name as printed.
        unit: Unit of the printed numbers, a key of `UNITS`.
        is_extra: Whether the source prints no such column, and it is ours beside it.
    """

    name: str
    label: str
    unit: Literal["percent", "share", "nats", "plain"]
    is_extra: bool = False

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.name.rpartition("/")[2] in ERRORS


class Printed(NamedTuple):
    """One printed number; all None where the source prints a dash or nothing.

    Attributes:
        mean: The number.
        sd: Its standard deviation.
        mark: Of significance; `-` is tested and not significant.
    """

    mean: float | None = None
    sd: float | None = None
    mark: Literal["*", "**", "***", "-"] | None = None


@dataclass(frozen=True)
class Data:
    """What a setting is trained and tested on: each of n folds once, or one split of three parts once per seed."""

    corpus: str
    scheme: str
    folds: Annotated[int | None, Minimum(1)] = None
    seeds: Annotated[tuple[int, ...] | None, Minimum(0)] = None

    def __post_init__(self) -> None:
        """Refuse both or neither of folds and seeds, and a seed that is there twice."""
        if (self.folds is None) == (self.seeds is None):
            raise SpecError("", "either folds or seeds", "both" if self.folds else "neither")
        if self.seeds is not None and (not self.seeds or len(set(self.seeds)) < len(self.seeds)):
            raise SpecError("seeds", "whole numbers from 0, each once", list(self.seeds))

    @property
    def split(self) -> Literal["folds", "train_validation_test"]:
        """`folds`: each is tested once. `train_validation_test`: folds 0, 1 and 2 of the scheme are the parts."""
        return "folds" if self.seeds is None else VALIDATED


@dataclass(frozen=True)
class Cost:
    """Rough GPU-hours at paper size; 0 where no estimate is given."""

    gpu_hours_pretraining: float = 0.0
    gpu_hours_per_fold: float = 0.0


@dataclass(frozen=True)
class Row:
    """One row of a printed table.

    Attributes:
        row_id: Name, unique in the table.
        label: The row's label as printed.
        base: Name of the base file the row starts from; None for a figure that the source quotes from another work.
        differences: Dotted settings that differ from the base.
        datasets: Datasets the row needs, where these are others than those of the table.
        printed: Printed number per metric name.
        genre: The genre whose score the row gives, spelt as the dataset spells it; None for a score over all genres.
        quoted: The work a quoted figure comes from.
        data: Entries of [data] that differ from the base.
        init: `random` where the row starts from random weights even if pretrained ones are configured.
        mask_ratio: Share of patches hidden from a model that is scored by how it fills them in; None for all others.
    """

    row_id: Identifier = field(metadata={"key": "id"})
    label: str
    base: str | None = None
    differences: Mapping[str, Any] = field(metadata={"key": "set"}, default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    printed: Mapping[str, Printed] = field(default_factory=dict)
    genre: str | None = None
    quoted: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    init: Init = "configured"
    mask_ratio: Annotated[float | None, Above(0), Below(1)] = None

    def __post_init__(self) -> None:
        """Refuse both or neither of base and quoted."""
        if (self.base is None) == (self.quoted is None):
            raise SpecError("", "either base or quoted", "both" if self.base else "neither")

    def printed_number(self, metric: Metric) -> Printed:
        """Give what the source prints for a metric; nothing for one of ours."""
        return self.printed.get(metric.name, Printed())

    def score_name(self, metric: Metric) -> str:
        """Name of the score that the row shows: of one genre, of one masking ratio, or of all."""
        about = self.genre if self.mask_ratio is None else f"{self.mask_ratio:g}"
        return metric.name if about is None else f"{metric.name}/{about}"


@dataclass(frozen=True)
class ImportanceRows:
    """Ids of the rows that the importance of modalities is made of: both modalities, audio and lyrics alone."""

    multimodal: str
    audio: str
    lyrics: str


@dataclass(frozen=True)
class Question:
    """Whether some rows do better than others: their means in every repetition are a pair of a signed-rank test.

    Attributes:
        text: What is asked, in words.
        better: Ids of the rows that are expected to do better.
        worse: Ids of the rows that they are compared with.
    """

    text: str
    better: tuple[str, ...] = field(metadata={"key": "with"})
    worse: tuple[str, ...] = field(metadata={"key": "without"})

    def __post_init__(self) -> None:
        """Refuse a side without rows."""
        for key, rows in (("with", self.better), ("without", self.worse)):
            if not rows:
                raise SpecError(key, "ids of rows", [])

    @property
    def rows(self) -> tuple[str, ...]:
        """Ids of the rows on both sides."""
        return self.better + self.worse


@dataclass(frozen=True)
class PrintedTable:
    """One printed table.

    Attributes:
        work: The published work.
        table_id: Name within the work; empty where the work has only one.
        title: What the table shows.
        source: Where it stands.
        datasets: Datasets that its rows need.
        source_metrics: The columns that the source prints, in printed order.
        rows: Its rows, in printed order.
        path: Name of the file, below the experiments folder.
        own_metrics: Columns of ours beside them.
        reference_row: The row that significance tests compare with; None where none is meant.
        alternative: `reference_better`, or `row_better` where the source tests the opposite direction.
        stage: `finetune`, or `pretrain` for a table about pretrained models that are not trained further.
        is_extra: Whether the source has no such table, and its rows are ours.
        reference_rows: By split scheme, the row that rows on that scheme are compared with instead of `reference_row`.
        importance: The rows that the importance of modalities is made of, where it is.
        questions: What is asked of several rows at once, beside the test of each against its reference row.
    """

    work: str
    title: str
    source: str
    datasets: tuple[Dataset, ...]
    source_metrics: Mapping[str, Metric] = field(metadata={"key": "metrics"})
    rows: tuple[Row, ...] = field(metadata={"key": "row"})
    path: str
    table_id: Identifier = ""
    own_metrics: Mapping[str, Metric] = field(metadata={"key": "extra_metrics"}, default_factory=dict)
    reference_row: str | None = None
    alternative: Literal["reference_better", "row_better"] = "reference_better"
    stage: Stage = FINETUNE
    is_extra: bool = field(metadata={"key": "extra"}, default=False)
    reference_rows: Mapping[str, str] = field(default_factory=dict)
    importance: ImportanceRows | None = None
    questions: tuple[Question, ...] = field(metadata={"key": "question"}, default=())

    def __post_init__(self) -> None:
        """Check what concerns the table as a whole."""
        ids = [row.row_id for row in self.rows]
        if not ids or not self.source_metrics:
            raise SpecError("", "at least one [[row]] and one metric", f"{len(ids)} rows")
        for row_id in ids:
            if ids.count(row_id) > 1:
                raise SpecError(f"row {row_id!r}", "an id that no other row has", f"it {ids.count(row_id)} times")
        named = {"reference_row": self.reference_row or ids[0]}
        named |= {f"reference_rows.{scheme}": row_id for scheme, row_id in self.reference_rows.items()}
        if self.importance:
            named |= {f"importance.{side}": row_id for side, row_id in vars(self.importance).items()}
        for question in self.questions:
            named |= {f"question {question.text!r}, {row_id}": row_id for row_id in question.rows}
        for place, row_id in named.items():
            if row_id not in ids:
                raise SpecError(place, f"a row: {', '.join(ids)}", row_id)
        self._check_metrics()

    def _check_metrics(self) -> None:
        if twice := sorted(self.source_metrics.keys() & self.own_metrics.keys()):
            raise SpecError(f"extra_metrics.{twice[0]}", "a metric that is not in [metrics] too", twice[0])
        printed = () if self.is_extra else tuple(self.source_metrics)
        for row in self.rows:
            for metric in printed:
                if metric not in row.printed:
                    raise SpecError(f"row {row.row_id!r}.printed.{metric}", "a number, or [] for a dash", MISSING)
            if unknown := sorted(row.printed.keys() - set(printed)):
                raise SpecError(f"row {row.row_id!r}.printed.{unknown[0]}", f"one of {', '.join(printed)}", UNKNOWN)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Its columns, in printed order, then ours beside them."""
        printed = (replace(metric, is_extra=self.is_extra) for metric in self.source_metrics.values())
        return (*printed, *(replace(metric, is_extra=True) for metric in self.own_metrics.values()))

    @property
    def name(self) -> str:
        """Name of the table's view without its schema, for example `jiang2024_table_6_9`."""
        return f"{self.work}_{self.table_id}" if self.table_id else self.work


@dataclass(frozen=True)
class Base:
    """A base file: every setting of one model, before any row's difference.

    Attributes:
        name: `<work>_<file name>`, also the id of the setting without differences.
        path: Name of the file, below the experiments folder.
        data: corpus, scheme, and the number of folds or the seeds.
        settings: Nested settings.
        cost: Rough GPU-hours at paper size.
    """

    name: str
    path: str
    data: Data
    settings: Mapping[str, Any]
    cost: Cost = Cost()

    def __post_init__(self) -> None:
        """Refuse settings without the name of a model."""
        model = self.settings.get("model")
        if not isinstance(model, dict) or not isinstance(model.get("name"), str):
            raise SpecError("settings.model.name", "the name of a model", MISSING)


def read_base(path: Path, root: Path = EXPERIMENTS) -> Base:
    """Read a base file.

    Raises:
        PlanError: if it is not as `Base` says.
    """
    where, name = path.relative_to(root).as_posix(), f"{path.parent.parent.name}_{path.stem}"
    return read(path, Base, PlanError, where=where, name=name, path=where)


def read_table(path: Path, root: Path = EXPERIMENTS) -> PrintedTable:
    """Read the file of one printed table.

    Raises:
        PlanError: if it is not as `PrintedTable` says.
    """
    where = path.relative_to(root).as_posix()
    table = read(path, PrintedTable, PlanError, where=where, path=where)
    if table.work != path.parent.name:
        raise PlanError(f"{where}: work: expected {path.parent.name!r}, the folder's name, found {table.work!r}.")
    return replace(table, rows=tuple(replace(row, datasets=row.datasets or table.datasets) for row in table.rows))
