"""Resolves rows into settings: base, then the row's differences, then the profile; equal results are one setting."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mgc_models.config.run import parse_settings
from pipelines.corpora.config import Corpus, CorpusError, load_corpora
from pipelines.experiments.plan import IMPLEMENTED, Plan, Pretraining, Setting
from pipelines.experiments.schema import EXPERIMENTS, Base, Data, PlanError, PrintedTable, Row, read_base, read_table
from warehouse.parsing import SpecError, parse, plain, read

TEST_PART = 2  # of a scheme with train, validation and test


def load_plan(profile: str, root: Path = EXPERIMENTS, corpora: Sequence[Corpus] | None = None) -> Plan:
    """Read, check and resolve every experiment file.

    Args:
        profile: Name of a file in `profiles/`.
        root: Folder with one folder per work, and `profiles/`.
        corpora: What [data] may name; None: the corpora of pipelines/corpora.

    Raises:
        PlanError: naming file and row, for anything that cannot be used.
    """
    bases = {base.name: base for path in sorted(root.glob("*/base/*.toml")) for base in [read_base(path, root)]}
    overrides = read_profile(profile, bases, root)
    tables = tuple(read_table(path, root) for path in sorted(root.glob("*/*.toml")) if path.parent.name != "profiles")
    check_unique(tables)
    settings: dict[str, Setting] = {}
    setting_of: dict[tuple[str, str, str], str | None] = {}
    for table, row in rows_in_order(tables):
        setting = resolve(table, row, bases, overrides, settings)
        setting_of[table.work, table.table_id, row.row_id] = setting.setting_id if setting else None
        if setting:
            settings.setdefault(setting.setting_id, setting)
    plan = Plan(profile, tables, settings, setting_of, *share_pretrainings(settings))
    check_references(plan)
    check_splits(plan, corpora)
    return plan


def rows_in_order(tables: tuple[PrintedTable, ...]) -> Iterator[tuple[PrintedTable, Row]]:
    """Every row of every table, the printed tables first: a setting that ours share with them is named by them."""
    return ((table, row) for table in sorted(tables, key=lambda table: table.is_extra) for row in table.rows)


def share_pretrainings(settings: Mapping[str, Setting]) -> tuple[dict[str, Pretraining], dict[str, str]]:
    """Train equal pretrainings once.

    Returns:
        Pretrainings by name, and the name of the pretraining of every setting that has one.
    """
    names: dict[Any, str] = {}
    pretrainings: dict[str, Pretraining] = {}
    pretraining_of: dict[str, str] = {}
    for setting in settings.values():
        found = pretraining(setting)
        if found is not None:
            key = (found.settings, setting.init, found.scheme and setting.data, found.folds)
            pretraining_of[setting.setting_id] = names.setdefault(key, found.name)
            pretrainings.setdefault(names[key], found)
    return pretrainings, pretraining_of


def pretraining(setting: Setting) -> Pretraining | None:
    """The pretraining that a setting asks for; None without one."""
    section, data = setting.settings.pretrain, setting.data
    if not section or not section.enabled:
        return None
    apart = section.exclude_test_fold
    tested = (TEST_PART,) if data.folds is None else tuple(range(data.folds))
    return Pretraining(
        name=setting.setting_id,
        work=setting.work,
        settings=replace(setting.settings, train=None, loss=None, evaluate=None),
        setting=setting,
        scheme=data.scheme if apart else "",
        folds=tested if apart else (None,),
    )


def check_unique(tables: tuple[PrintedTable, ...]) -> None:
    """Refuse two files for one table."""
    seen: dict[str, str] = {}
    for table in tables:
        if table.name in seen:
            raise PlanError(f"{table.path}: table {table.name} is also in {seen[table.name]}; keep one of them.")
        seen[table.name] = table.path


def check_references(plan: Plan) -> None:
    """Refuse a reference row for a split scheme that is on another.

    Raises:
        PlanError: naming the file, the scheme and the row.
    """
    for table in plan.tables:
        for scheme, row_id in table.reference_rows.items():
            setting_id = plan.setting_of[table.work, table.table_id, row_id]
            found = plan.settings[setting_id].data.scheme if setting_id else "none (it is quoted)"
            if found != scheme:
                raise PlanError(
                    f"{table.path}: reference_rows: row {row_id!r} is to be the reference on scheme {scheme}; "
                    f"its scheme is {found}."
                )


def check_splits(plan: Plan, known: Sequence[Corpus] | None) -> None:
    """Refuse [data] that its corpus cannot give: seeds take train, validation and test parts, folds take equal folds.

    Else seeds on five folds would train, choose and test on three of them, and leave out the others without a word.

    Raises:
        PlanError: naming the file, the setting, and the schemes of the corpus that would do.
    """
    try:
        corpora = {corpus.name: corpus for corpus in (load_corpora() if known is None else known)}
    except CorpusError as error:
        raise PlanError(str(error)) from error
    for setting in plan.settings.values():
        where = f"{plan.tables_of(setting)[0].path}: setting {setting.setting_id}"
        name, scheme, in_parts = setting.data.corpus, setting.data.scheme, setting.data.seeds is not None
        if name not in corpora:
            raise PlanError(f"{where}: unknown corpus {name!r}; there are {', '.join(corpora)}.")
        fitting = [known for known, rule in corpora[name].folds.items() if bool(rule.shares) == in_parts]
        if scheme not in fitting:
            kind = "seeds, on train, validation and test parts" if in_parts else "folds"
            raise PlanError(
                f"{where}: asks for {kind}, with scheme {scheme!r}; corpus {name} has {', '.join(fitting) or 'none'}."
            )


def read_profile(profile: str, bases: Mapping[str, Base], root: Path) -> dict[str, dict[str, Any]]:
    """Overrides per model name; a profile that `extends` another changes what it names and keeps the rest.

    Raises:
        PlanError: for an unknown profile or a model that no base file names.
    """
    path = root / "profiles" / f"{profile}.toml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in path.parent.glob("*.toml")))
        raise PlanError(f"Profile {profile!r} has no file profiles/{profile}.toml; there are {known}.")
    where = f"profiles/{path.name}"
    overrides = read(path, dict[str, Any], PlanError, where=where)
    below = read_profile(overrides.pop("extends"), bases, root) if "extends" in overrides else {}
    models = {base.settings["model"]["name"] for base in bases.values()}
    for model, values in overrides.items():
        if model not in models:
            raise PlanError(f"{where}: unknown model {model!r}; base files name {', '.join(sorted(models))}.")
        if not isinstance(values, dict):
            raise PlanError(f"{where}: {model}: expected a table of dotted settings, found {values!r}.")
    return below | {model: below.get(model, {}) | values for model, values in overrides.items()}


def resolve(
    table: PrintedTable,
    row: Row,
    bases: Mapping[str, Base],
    overrides: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Setting],
) -> Setting | None:
    """Resolve one row; a setting already known is returned, and a quoted figure has none.

    Raises:
        PlanError: naming file and row, for an unknown base or key, a wrong type, or an id taken by other settings.
    """
    if row.base is None:
        return None
    where = f"{table.path}: row {row.row_id!r}"
    base = find_base(row.base, table.work, bases, where)
    settings: dict[str, Any] = copy.deepcopy(dict(base.settings))
    for key, value in row.differences.items():
        set_value(settings, key, value, f"{where}: set")
    model = settings["model"]["name"]
    if model not in IMPLEMENTED:
        return None
    apply_profile(settings, overrides.get(model, {}), row, where)
    try:
        data = row_data(base, row)
        checked = parse_settings(settings, table.stage, data.split)
    except SpecError as error:
        raise PlanError(f"{where}: {error}.") from error
    for setting in known.values():
        if (setting.settings, setting.data, setting.stage, setting.init) == (checked, data, table.stage, row.init):
            return setting
    plain_row = not row.differences and data == base.data and row.init == "configured"
    # A row id that begins with the name of the base, as those of rows on several bases do, does not repeat it.
    setting_id = base.name if plain_row else f"{base.name}_{row.row_id.removeprefix(f'{Path(base.path).stem}_')}"
    if setting_id in known:
        raise PlanError(f"{where}: setting id {setting_id!r} already stands for other settings; rename the row.")
    return Setting(setting_id, table.work, base.name, checked, data, row.datasets, base.cost, table.stage, row.init)


def find_base(name: str, work: str, bases: Mapping[str, Base], where: str) -> Base:
    """The base of a row: `mae` of its own work, or `jiang2024/mae` of another.

    Raises:
        PlanError: if there is no such base.
    """
    owner, _, file = name.rpartition("/")
    owner = owner or work
    base = bases.get(f"{owner}_{file}")
    if base is None:
        available = ", ".join(found.removeprefix(f"{owner}_") for found in bases if found.startswith(f"{owner}_"))
        raise PlanError(f"{where}: unknown base {name!r}; {owner}/base has {available or 'none'}.")
    return base


def row_data(base: Base, row: Row) -> Data:
    """[data] of a base with a row's differences; folds and seeds replace each other.

    Raises:
        SpecError: if they are not as `Data` says.
    """
    kept = plain(base.data)
    if "folds" in row.data or "seeds" in row.data:
        kept = {key: value for key, value in kept.items() if key not in ("folds", "seeds")}
    return parse(Data, kept | dict(row.data), "data")


def apply_profile(settings: dict[str, Any], overrides: Mapping[str, Any], row: Row, where: str) -> None:
    """Scale the settings; a key that the row sets must be translated value by value, so that rows stay distinct."""
    for key, value in overrides.items():
        if isinstance(value, dict):
            current = str(get_value(settings, key, f"{where}: profile"))
            if current not in value:
                raise PlanError(f"{where}: the profile has no value of {key} for {current}; it has {', '.join(value)}.")
            set_value(settings, key, value[current], f"{where}: profile")
        elif key in row.differences:
            raise PlanError(
                f"{where} sets {key}, which the profile would overwrite with {value!r}. "
                f"In the profile, translate each value: {key} = {{ {row.differences[key]} = … }}."
            )
        else:
            set_value(settings, key, value, f"{where}: profile")


def get_value(settings: Mapping[str, Any], key: str, where: str) -> Any:
    """The value of a dotted key.

    Raises:
        PlanError: if the base does not have the key.
    """
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise PlanError(f"{where}: unknown key {key!r}; the base has no {part!r} there.")
        value = value[part]
    return value


def set_value(settings: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Replace the value of a dotted key that exists.

    Raises:
        PlanError: if the base does not have the key.
    """
    get_value(settings, key, where)
    *path, last = key.split(".")
    for part in path:
        settings = settings[part]
    settings[last] = value
