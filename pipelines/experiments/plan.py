"""The plan that experiment files come to: settings, shared pretrainings, and the rows that they stand behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mgc_models.config.run import Settings, required
from pipelines.experiments.schema import EXTRA, FINETUNE, PRETRAIN, Cost, Data, Init, PrintedTable, Row, Stage


@dataclass(frozen=True)
class Setting:
    """Fully resolved settings; rows with equal ones share it.

    Attributes:
        setting_id: Readable name, equal in every profile.
        work: The work it belongs to.
        base: The base it was resolved from.
        settings: As training reads them.
        data: corpus, scheme, and the number of folds or the seeds.
        datasets: Datasets it needs.
        cost: Rough GPU-hours at paper size.
        stage: `finetune`, or `pretrain` where only its pretraining is wanted.
        init: `random`, or `configured` where it starts from whatever pretrained weights are configured.
    """

    setting_id: str
    work: str
    base: str
    settings: Settings
    data: Data
    datasets: tuple[str, ...]
    cost: Cost
    stage: Stage = FINETUNE
    init: Init = "configured"

    @property
    def model(self) -> str:
        """Name of the model."""
        return self.settings.model.name

    @property
    def repetitions(self) -> tuple[tuple[int, int], ...]:
        """(fold, seed) of each of its runs: every fold with the setting's seed, or fold 0 with every seed."""
        if self.stage == PRETRAIN:
            return ()
        if self.data.seeds is not None:
            return tuple((0, seed) for seed in self.data.seeds)
        return tuple((fold, self.settings.seed) for fold in range(self.data.folds or 0))

    @property
    def classification(self) -> str | None:
        """What is minimised when genres are learnt, `bce` or `cross_entropy`; None for a setting without labels."""
        return self.settings.loss.classification if self.settings.loss else None

    def is_paired_with(self, other: "Setting") -> bool:
        """Whether the n-th runs of both are scored alike on the same tracks: corpus, split, folds or seeds, genres."""
        policies = [one.settings.label_scope_policy for one in (self, other)]
        return self.data == other.data and policies[0] == policies[1] and self.classification == other.classification


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
    settings: Settings
    setting: Setting
    scheme: str
    folds: tuple[int | None, ...]

    @property
    def corpora(self) -> tuple[str, ...]:
        """Corpora it sees, all tracks of each."""
        return required(self.settings.pretrain, "pretrain").corpora


@dataclass(frozen=True)
class Plan:
    """All printed tables with the settings behind their rows.

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
        name = table.reference_rows.get(setting.data.scheme, table.reference_row)
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
