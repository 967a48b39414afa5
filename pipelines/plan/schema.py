"""What an experiment plan consists of: tables of printed rows, and the settings that stand behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNITS = {"percent": 100.0, "share": 1.0, "nats": 1.0}
"""Printed units, each with the factor from our scores (shares of one, nats) to the printed number."""
MARKS = ("*", "**", "***", "-")
"""Significance marks that the sources print; `-` is tested and not significant."""
ALTERNATIVES = ("reference_better", "row_better")


class PlanError(ValueError):
    """An experiment file that cannot be used; the message names file, row and key, and what was expected."""


@dataclass(frozen=True)
class Metric:
    """A column of a printed table.

    Attributes:
        name: Our name of the metric, as in `run.fold_scores`.
        label: The name as printed.
        unit: Unit of the printed numbers, a key of `UNITS`.
    """

    name: str
    label: str
    unit: str


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
        datasets: Datasets the row needs, keys of `pipelines.settings.DATASET_VARIABLES`.
        printed: Printed number per metric name.
        genre: The genre whose score the row gives, spelt as the dataset spells it; None for a score over all genres.
        quoted: The work a quoted figure comes from.
    """

    row_id: str
    label: str
    base: str | None
    differences: Mapping[str, Any]
    datasets: tuple[str, ...]
    printed: Mapping[str, Printed]
    genre: str | None = None
    quoted: str | None = None


@dataclass(frozen=True)
class PrintedTable:
    """One printed table.

    Attributes:
        work: The published work.
        table_id: Name within the work; empty where the work has only one.
        title: What the table shows.
        source: Where it stands.
        metrics: Its columns, in printed order.
        rows: Its rows, in printed order.
        reference_row: The row that significance tests compare with; None where none is meant.
        alternative: `reference_better`, or `row_better` where the source tests the opposite direction.
        path: Name of the file, below the experiments folder.
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

    @property
    def name(self) -> str:
        """Name of the table's view without its schema, for example `jiang2024_table_6_9`."""
        return f"{self.work}_{self.table_id}" if self.table_id else self.work


@dataclass(frozen=True)
class Base:
    """A base file: every setting of one model, before any row's difference.

    Attributes:
        name: `<work>_<file name>`, also the id of the setting without differences.
        data: corpus, scheme and number of folds.
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
        data: corpus, scheme and number of folds.
        datasets: Datasets it needs.
        cost: Rough GPU-hours at paper size.
    """

    setting_id: str
    work: str
    base: str
    model: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    datasets: tuple[str, ...]
    cost: Mapping[str, float]

    @property
    def folds(self) -> int:
        """Number of folds it is trained on."""
        return int(self.data["folds"])


@dataclass(frozen=True)
class Plan:
    """Every printed table with the settings behind its rows.

    Attributes:
        profile: Name of the profile that the settings were resolved with.
        tables: In order of work and table.
        settings: By setting_id, in order of first use.
        setting_of: setting_id by (work, table_id, row_id); None for quoted figures.
    """

    profile: str
    tables: tuple[PrintedTable, ...]
    settings: Mapping[str, Setting]
    setting_of: Mapping[tuple[str, str, str], str | None]

    def setting(self, table: PrintedTable, row: Row) -> Setting | None:
        """The setting behind a row; None for a quoted figure."""
        setting_id = self.setting_of[table.work, table.table_id, row.row_id]
        return None if setting_id is None else self.settings[setting_id]
