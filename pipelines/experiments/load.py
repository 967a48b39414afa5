"""Reads experiment files: TOML in, checked dataclasses out. Every complaint names the file, the row and the key."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.config import DATASET_VARIABLES
from pipelines.experiments.schema import (
    ALTERNATIVES,
    INITS,
    MARKS,
    STAGES,
    UNITS,
    Base,
    Metric,
    PlanError,
    Printed,
    PrintedTable,
    Question,
    Row,
)

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_]*")

TABLE_KEYS = {"work": str, "table_id": str, "title": str, "source": str, "datasets": list, "metrics": dict, "row": list}
TABLE_OPTIONAL = {
    "reference_row": str,
    "reference_rows": dict,
    "alternative": str,
    "stage": str,
    "extra": bool,
    "extra_metrics": dict,
    "importance": dict,
    "question": list,
}
QUESTION_KEYS = {"text": str, "with": list, "without": list}
IMPORTANCE_KEYS = {"multimodal": str, "audio": str, "lyrics": str}
ROW_KEYS = {"id": str, "label": str, "printed": dict}
ROW_OPTIONAL = {
    "base": str,
    "set": dict,
    "datasets": list,
    "genre": str,
    "quoted": str,
    "data": dict,
    "init": str,
    "mask_ratio": float,
}
BASE_KEYS = {"data": dict, "settings": dict}
DATA_KEYS = {"corpus": str, "scheme": str}
REPETITION_KEYS = {"folds": int, "seeds": list}
COST_KEYS = {"gpu_hours_pretraining": float, "gpu_hours_per_fold": float}


def load_toml(path: Path, where: str) -> dict[str, Any]:
    """Parse one file.

    Raises:
        PlanError: if it is not valid TOML or not UTF-8.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{where}: not valid TOML: {error}. Correct the file.") from error


def check_keys(
    values: Mapping[str, Any], where: str, required: Mapping[str, type], optional: Mapping[str, type] | None = None
) -> None:
    """Hold the keys and types of a TOML table against what is expected.

    Raises:
        PlanError: for a missing key, an unknown key or a value of another type.
    """
    allowed = {**required, **(optional or {})}
    if missing := sorted(required.keys() - values.keys()):
        raise PlanError(f"{where}: missing {', '.join(missing)}.")
    if unknown := sorted(values.keys() - allowed.keys()):
        raise PlanError(f"{where}: unknown key {', '.join(unknown)}; expected only {', '.join(sorted(allowed))}.")
    for key, value in values.items():
        if not has_type(value, allowed[key]):
            raise PlanError(f"{where}: {key} is {value!r} ({type(value).__name__}); expected {allowed[key].__name__}.")


def has_type(value: Any, expected: type) -> bool:
    """Whether a TOML value is of a type; a whole number also counts as a float, true and false never as numbers."""
    if isinstance(value, bool):
        return expected is bool
    return isinstance(value, (int, float)) if expected is float else isinstance(value, expected)


def read_base(path: Path, root: Path = EXPERIMENTS) -> Base:
    """Read a base file.

    Raises:
        PlanError: as `check_keys`, or if the settings name no model.
    """
    where = path.relative_to(root).as_posix()
    document = load_toml(path, where)
    check_keys(document, where, BASE_KEYS, {"cost": dict})
    check_data(document["data"], f"{where}: [data]")
    check_keys(document.get("cost", {}), f"{where}: [cost]", {}, COST_KEYS)
    settings = document["settings"]
    if not isinstance(settings.get("model"), dict) or not isinstance(settings["model"].get("name"), str):
        raise PlanError(f"{where}: [settings.model] has no name; expected the name of a model.")
    work = path.parent.parent.name
    return Base(f"{work}_{path.stem}", document["data"], document.get("cost", {}), settings, where)


def check_data(data: Mapping[str, Any], where: str) -> None:
    """Rules of [data]: a corpus, a scheme, and either folds that are each tested once or seeds on one split.

    Raises:
        PlanError: as `check_keys`, and for both or neither of folds and seeds.
    """
    check_keys(data, where, DATA_KEYS, REPETITION_KEYS)
    if ("folds" in data) == ("seeds" in data):
        raise PlanError(f"{where}: expected either folds or seeds, and not both.")
    if data.get("folds", 1) < 1:
        raise PlanError(f"{where}: folds is {data['folds']}; expected 1 or more.")
    seeds = data.get("seeds", [0])
    if not seeds or not all(has_type(seed, int) and seed >= 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise PlanError(f"{where}: seeds is {seeds!r}; expected whole numbers from 0, each once.")


def read_table(path: Path, root: Path = EXPERIMENTS) -> PrintedTable:
    """Read the file of one printed table.

    Raises:
        PlanError: as `check_keys`, and for duplicate rows, missing or unknown metrics and references to nothing.
    """
    where = path.relative_to(root).as_posix()
    document = load_toml(path, where)
    check_keys(document, where, TABLE_KEYS, TABLE_OPTIONAL)
    if document["work"] != path.parent.name:
        raise PlanError(f"{where}: work is {document['work']!r}; expected {path.parent.name!r}, the folder's name.")
    extra = document.get("extra", False)
    metrics = tuple(read_metric(name, value, where, is_extra=extra) for name, value in document["metrics"].items())
    own = document.get("extra_metrics", {})
    beside = tuple(read_metric(name, value, where, is_extra=True) for name, value in own.items())
    rows = tuple(
        read_row(value, where, () if extra else metrics, read_datasets(document["datasets"], where))
        for value in document["row"]
    )
    check_table(document, where, rows)
    return PrintedTable(
        work=document["work"],
        table_id=document["table_id"],
        title=document["title"],
        source=document["source"],
        metrics=metrics + beside,
        rows=rows,
        reference_row=document.get("reference_row"),
        alternative=document.get("alternative", ALTERNATIVES[0]),
        path=where,
        stage=document.get("stage", STAGES[0]),
        is_extra=extra,
        reference_rows=document.get("reference_rows", {}),
        importance=document.get("importance", {}),
        questions=tuple(read_question(value, where, rows) for value in document.get("question", [])),
    )


def check_table(document: Mapping[str, Any], where: str, rows: tuple[Row, ...]) -> None:
    """Rules that concern the table as a whole."""
    ids = [row.row_id for row in rows]
    if not ids or not document["metrics"]:
        raise PlanError(f"{where}: expected at least one [[row]] and one metric.")
    if repeated := sorted({row_id for row_id in ids if ids.count(row_id) > 1}):
        raise PlanError(f"{where}: row {repeated[0]!r} appears {ids.count(repeated[0])} times; row ids are unique.")
    if document["table_id"] and not IDENTIFIER.fullmatch(document["table_id"]):
        raise PlanError(f"{where}: table_id {document['table_id']!r}: expected lower-case letters, digits and _.")
    by_scheme = document.get("reference_rows", {})
    check_keys(by_scheme, f"{where}: reference_rows", dict.fromkeys(by_scheme, str))
    if unknown := sorted({document.get("reference_row", ids[0]), *by_scheme.values()} - set(ids)):
        raise PlanError(f"{where}: reference row {unknown[0]!r} is no row; rows are {', '.join(ids)}.")
    if document.get("alternative", ALTERNATIVES[0]) not in ALTERNATIVES:
        raise PlanError(f"{where}: alternative {document['alternative']!r}; expected {' or '.join(ALTERNATIVES)}.")
    if document.get("stage", STAGES[0]) not in STAGES:
        raise PlanError(f"{where}: stage {document['stage']!r}; expected {' or '.join(STAGES)}.")
    if importance := document.get("importance"):
        check_keys(importance, f"{where}: importance", IMPORTANCE_KEYS)
        if unknown := sorted(set(importance.values()) - set(ids)):
            raise PlanError(f"{where}: importance: {unknown[0]!r} is no row; rows are {', '.join(ids)}.")
    if twice := sorted(document["metrics"].keys() & document.get("extra_metrics", {}).keys()):
        raise PlanError(f"{where}: metric {twice[0]!r} is in [metrics] and in [extra_metrics]; keep one of them.")


def read_question(value: Any, where: str, rows: Sequence[Row]) -> Question:
    """Read one [[question]]; it may ask of rows of its table alone."""
    if not isinstance(value, dict):
        raise PlanError(f"{where}: question is {value!r}; expected a table, [[question]].")
    where = f"{where}: question {value.get('text', '(no text)')!r}"
    check_keys(value, where, QUESTION_KEYS)
    ids = [row.row_id for row in rows]
    for side in ("with", "without"):
        if not value[side] or (unknown := [row for row in value[side] if row not in ids]):
            found = repr(unknown[0]) if value[side] else "nothing"
            raise PlanError(f"{where}: {side} names {found}; rows are {', '.join(ids)}.")
    return Question(value["text"], tuple(value["with"]), tuple(value["without"]))


def read_metric(name: str, value: Any, where: str, *, is_extra: bool = False) -> Metric:
    """Read one entry of [metrics] or [extra_metrics]."""
    if not isinstance(value, dict):
        raise PlanError(f"{where}: metric {name!r} is {value!r}; expected {{ label = …, unit = … }}.")
    check_keys(value, f"{where}: metric {name!r}", {"label": str, "unit": str})
    if value["unit"] not in UNITS:
        raise PlanError(f"{where}: metric {name!r} has unit {value['unit']!r}; expected one of {', '.join(UNITS)}.")
    return Metric(name, value["label"], value["unit"], is_extra)


def read_row(value: Any, where: str, metrics: tuple[Metric, ...], datasets: tuple[str, ...]) -> Row:
    """Read one [[row]]; `metrics` are those that the source prints."""
    if not isinstance(value, dict):
        raise PlanError(f"{where}: row is {value!r}; expected a table, [[row]].")
    where = f"{where}: row {value.get('id', '(no id)')!r}"
    value = {"printed": {}} | value
    check_keys(value, where, ROW_KEYS, ROW_OPTIONAL)
    if not IDENTIFIER.fullmatch(value["id"]):
        raise PlanError(f"{where}: expected lower-case letters, digits and _ in the id.")
    if ("base" in value) == ("quoted" in value):
        raise PlanError(f"{where}: expected either base or quoted, and not both.")
    names = {metric.name for metric in metrics}
    if missing := sorted(names - value["printed"].keys()):
        raise PlanError(f"{where}: missing metric {', '.join(missing)} in printed; write [] where a dash is printed.")
    if unknown := sorted(value["printed"].keys() - names):
        raise PlanError(f"{where}: unknown metric {', '.join(unknown)}; the table's are {', '.join(sorted(names))}.")
    if value.get("init", INITS[0]) not in INITS:
        raise PlanError(f"{where}: init {value['init']!r}; expected {' or '.join(INITS)}.")
    if not 0 < value.get("mask_ratio", 0.5) < 1:
        raise PlanError(f"{where}: mask_ratio is {value['mask_ratio']}; expected a number between 0 and 1.")
    return Row(
        row_id=value["id"],
        label=value["label"],
        base=value.get("base"),
        differences=value.get("set", {}),
        datasets=read_datasets(value["datasets"], where) if "datasets" in value else datasets,
        printed={name: read_printed(value["printed"][name], f"{where}: {name}") for name in value["printed"]},
        genre=value.get("genre"),
        quoted=value.get("quoted"),
        data=value.get("data", {}),
        init=value.get("init", INITS[0]),
        mask_ratio=value.get("mask_ratio"),
    )


def read_datasets(names: list[Any], where: str) -> tuple[str, ...]:
    """Check the datasets that a table or row needs."""
    for name in names:
        if name not in DATASET_VARIABLES:
            raise PlanError(f"{where}: unknown dataset {name!r}; expected some of {', '.join(DATASET_VARIABLES)}.")
    return tuple(names)


def read_printed(value: Any, where: str) -> Printed:
    """Read `[mean, sd, mark]`, of which the last ones may be absent.

    Raises:
        PlanError: for anything else.
    """
    expected = "expected [mean], [mean, sd], [mean, sd, mark] or []"
    if not isinstance(value, list) or len(value) > 3:
        raise PlanError(f"{where} is {value!r}; {expected}.")
    numbers, mark = value[:2], value[2] if len(value) == 3 else None
    if not all(has_type(number, float) for number in numbers) or (mark is not None and mark not in MARKS):
        raise PlanError(f"{where} is {value!r}; {expected}, with numbers and a mark out of {' '.join(MARKS)}.")
    mean, sd = ([float(number) for number in numbers] + [None, None])[:2]
    return Printed(mean, sd, mark)
