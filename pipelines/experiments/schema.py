"""What an experiment plan consists of: tables of printed rows, and the settings that stand behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

UNITS = {"percent": 100.0, "share": 1.0, "nats": 1.0, "plain": 1.0}
"""Printed units, each with the factor from our scores (shares of one, nats, plain numbers) to the printed number."""
MARKS = ("*", "**", "***", "-")
"""Significance marks that the sources print; `-` is tested and not significant."""
ALTERNATIVES = ("reference_better", "row_better")
FINETUNE, PRETRAIN = STAGES = ("finetune", "pretrain")
INITS = ("configured", "random")
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
    unit: str
    is_extra: bool = False

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.name.rpartition("/")[2] in ERRORS


@dataclass(frozen=True)
class Printed:
    """One printed number; all None where the source prints a dash or nothing."""

    mean: float | None = None
    sd: float | None = None
    mark: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a printed table.

    Attributes:
        row_id: Name, unique in the table.
        label: The row's label as printed.
        base: Name of the base file the row starts from; None for a figure that the source quotes from another work.
        differences: Dotted settings that differ from the base.
        datasets: Datasets the row needs, keys of `pipelines.config.DATASET_VARIABLES`.
        printed: Printed number per metric name.
        genre: The genre whose score the row gives, spelt as the dataset spells it; None for a score over all genres.
        quoted: The work a quoted figure comes from.
        data: Entries of [data] that differ from the base.
        init: `random` where the row starts from random weights even if pretrained ones are configured.
        mask_ratio: Share of patches hidden from a model that is judged by how it fills them in; None for all others.
    """

    row_id: str
    label: str
    base: str | None
    differences: Mapping[str, Any]
    datasets: tuple[str, ...]
    printed: Mapping[str, Printed]
    genre: str | None = None
    quoted: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    init: str = INITS[0]
    mask_ratio: float | None = None

    def printed_number(self, metric: Metric) -> Printed:
        """What the source prints for a metric; nothing for one of ours."""
        return self.printed.get(metric.name, Printed())

    def score_name(self, metric: Metric) -> str:
        """Name of the score that the row shows: of one genre, of one masking ratio, or of all."""
        about = self.genre if self.mask_ratio is None else f"{self.mask_ratio:g}"
        return metric.name if about is None else f"{metric.name}/{about}"


@dataclass(frozen=True)
class PrintedTable:
    """One printed table.

    Attributes:
        work: The published work.
        table_id: Name within the work; empty where the work has only one.
        title: What the table shows.
        source: Where it stands.
        metrics: Its columns, in printed order, then ours beside them.
        rows: Its rows, in printed order.
        reference_row: The row that significance tests compare with; None where none is meant.
        alternative: `reference_better`, or `row_better` where the source tests the opposite direction.
        path: Name of the file, below the experiments folder.
        stage: `finetune`, or `pretrain` for a table about pretrained models that are not trained further.
        is_extra: Whether the source has no such table, and its rows are ours.
        reference_rows: By split scheme, the row that rows on that scheme are compared with instead of `reference_row`.
        importance: The rows of the models with both modalities, with audio and with lyrics alone, where the importance
            of modalities is made of them; else empty.
    """

    work: str
    table_id: str
    title: str
    source: str
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    reference_row: str | None
    alternative: str
    path: str
    stage: str = FINETUNE
    is_extra: bool = False
    reference_rows: Mapping[str, str] = field(default_factory=dict)
    importance: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the table's view without its schema, for example `jiang2024_table_6_9`."""
        return f"{self.work}_{self.table_id}" if self.table_id else self.work


@dataclass(frozen=True)
class Base:
    """A base file: every setting of one model, before any row's difference.

    Attributes:
        name: `<work>_<file name>`, also the id of the setting without differences.
        data: corpus, scheme, and the number of folds or the seeds.
        cost: Rough GPU-hours at paper size; empty where no estimate is given.
        settings: Nested settings.
        path: Name of the file, below the experiments folder.
    """

    name: str
    data: Mapping[str, Any]
    cost: Mapping[str, float]
    settings: Mapping[str, Any]
    path: str


@dataclass(frozen=True)
class Setting:
    """Fully resolved settings; rows with equal ones share it.

    Attributes:
        setting_id: Readable name, equal in every profile.
        work: The work it belongs to.
        base: The base it was resolved from.
        model: Name of the model.
        settings: Nested, resolved, validated settings.
        data: corpus, scheme, and the number of folds or the seeds.
        datasets: Datasets it needs.
        cost: Rough GPU-hours at paper size.
        stage: `finetune`, or `pretrain` where only its pretraining is wanted.
        init: `random`, or `configured` where it starts from whatever pretrained weights are configured.
    """

    setting_id: str
    work: str
    base: str
    model: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    datasets: tuple[str, ...]
    cost: Mapping[str, float]
    stage: str = FINETUNE
    init: str = INITS[0]

    @property
    def repetitions(self) -> tuple[tuple[int, int], ...]:
        """(fold, seed) of each of its runs: every fold with the setting's seed, or fold 0 with every seed."""
        if self.stage == PRETRAIN:
            return ()
        if "seeds" in self.data:
            return tuple((0, seed) for seed in self.data["seeds"])
        return tuple((fold, self.settings["seed"]) for fold in range(self.data["folds"]))

    @property
    def split(self) -> str:
        """`folds`: each is tested once. `train_validation_test`: folds 0, 1 and 2 of the scheme are the parts."""
        return "train_validation_test" if "seeds" in self.data else "folds"

    def is_paired_with(self, other: "Setting") -> bool:
        """Whether the n-th runs of both are scored alike on the same tracks: corpus, split, folds or seeds, genres."""
        kinds = [(one.settings.get("loss") or {}).get("classification") for one in (self, other)]
        policies = [one.settings.get("label_scope_policy") for one in (self, other)]
        return self.data == other.data and policies[0] == policies[1] and kinds[0] == kinds[1]


@dataclass(frozen=True)
class Pretraining:
    """A pretraining, shared by every setting that asks for the same.

    Attributes:
        name: setting_id of the first setting that asks for it.
        work: The work of that setting.
        settings: What it is made of: seed, model, inputs and [pretrain].
        setting: The first setting.
        scheme: The scheme whose test fold is left out, with one pretraining per fold; empty where nothing is.
        folds: Folds that are left out in turn; (None,) for one pretraining on everything.
    """

    name: str
    work: str
    settings: Mapping[str, Any]
    setting: Setting
    scheme: str
    folds: tuple[int | None, ...]

    @property
    def corpora(self) -> tuple[str, ...]:
        """Corpora it sees, all tracks of each."""
        return tuple(self.settings["pretrain"]["corpora"])


@dataclass(frozen=True)
class Plan:
    """Every printed table with the settings behind its rows.

    Attributes:
        profile: Name of the profile that the settings were resolved with.
        tables: In order of work and table.
        settings: By setting_id, in order of first use.
        setting_of: setting_id by (work, table_id, row_id); None for quoted figures.
        pretrainings: By name, in order of first use.
        pretraining_of: Name of the pretraining by setting_id, of the settings that have one.
    """

    profile: str
    tables: tuple[PrintedTable, ...]
    settings: Mapping[str, Setting]
    setting_of: Mapping[tuple[str, str, str], str | None]
    pretrainings: Mapping[str, Pretraining]
    pretraining_of: Mapping[str, str]

    def setting(self, table: PrintedTable, row: Row) -> Setting | None:
        """The setting behind a row; None for a quoted figure."""
        setting_id = self.setting_of[table.work, table.table_id, row.row_id]
        return None if setting_id is None else self.settings[setting_id]

    def pretraining(self, setting: Setting) -> Pretraining | None:
        """The pretraining that a setting starts from; None without one."""
        name = self.pretraining_of.get(setting.setting_id)
        return None if name is None else self.pretrainings[name]

    def users(self, name: str) -> list[Setting]:
        """The settings that start from the pretraining of a name, which is also a setting's, and that setting."""
        return [one for key, one in self.settings.items() if name in (key, self.pretraining_of.get(key))]

    def run_count(self, setting: Setting) -> int:
        """Runs whose results its rows show: one per fold or seed, or those of its pretraining where that is all."""
        pretraining = self.pretraining(setting)
        return len(setting.repetitions) or len(pretraining.folds if pretraining else ())

    def reference(self, table: PrintedTable, row: Row) -> Row | None:
        """The row that a row's scores are tested against; None where none is meant, and for that row itself."""
        setting = self.setting(table, row)
        if setting is None:
            return None
        name = table.reference_rows.get(setting.data["scheme"], table.reference_row)
        return next((other for other in table.rows if other.row_id == name != row.row_id), None)

    def job_of(self, settings: Sequence[Setting]) -> str:
        """The job that trains for some settings: that of their work, or of its rows of ours if these alone need it."""
        own = all(self.is_extra(setting) for setting in settings)
        tables = [table for setting in settings for table in self.tables_of(setting) if table.is_extra == own]
        return f"{tables[0].work}{EXTRA if own else ''}"

    def tables_of(self, setting: Setting) -> list[PrintedTable]:
        """The tables that a setting stands behind."""
        return [
            table
            for table in self.tables
            if any(self.setting_of[table.work, table.table_id, row.row_id] == setting.setting_id for row in table.rows)
        ]

    def is_extra(self, setting: Setting) -> bool:
        """Whether a setting stands behind tables of ours only."""
        return all(table.is_extra for table in self.tables_of(setting))


IMPLEMENTED: dict[str, tuple[str, ...]] = {
    "inception_v4": ("inception_v4",),
    "bert": ("bert",),
    "alnet": ("inception_v4", "bert"),
    "ru_mgc": ("bert",),
    "santana": (),
    "pandeya": (),
    "han_cnn": (),  # word2vec, ELMo and BERT reach these two through their features
    "wong_chemelli": (),
    "jiang_mae": ("cavmae", "cavmae_nonorm", "bert"),
}
"""Model name -> the pretrained weights it can start from, keys of `pipelines.config.WEIGHT_VARIABLES`."""

GENRE_GRAPHS: frozenset[str] = frozenset({"ru_mgc"})
"""Models that take the correlation of the genres, of the training part of their split."""
