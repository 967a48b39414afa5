"""What depends on a data file or a default is made again when it changes; docs/dependencies.md says what that is."""

import copy
import dataclasses
import json
import shutil
import subprocess
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mgc_models.config.run import Settings
from pipelines.corpora.config import load_corpora
from pipelines.dependencies import DATA_FILES, NUMBERS, PARTS, ROOT, declared, page
from pipelines.experiments import load_plan
from pipelines.experiments.runs import run_id_of
from pipelines.incremental import Step
from tests.unit.mutations import PACKAGES, data_files
from warehouse.parsing import parse, plain

FILES = data_files(ROOT)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """By data file, the fingerprints that changed with it, in a copy of the repository."""
    copied = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copied / package, ignore=shutil.ignore_patterns("store", "__pycache__"))
    command = [sys.executable, str(Path(__file__).with_name("mutations.py")), str(copied)]
    done = subprocess.run(command, cwd=copied, capture_output=True, text=True, check=True, env={"PATH": ""})
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_data_file_is_declared(name: str) -> None:
    assert declared(name), f"say in pipelines.dependencies.DATA_FILES what depends on {name}, or why nothing does"


@pytest.mark.parametrize("name", FILES)
def test_what_depends_on_a_data_file_changes_with_it(changed: dict[str, list[str]], name: str) -> None:
    what = declared(name) or ()
    assert changed[name] == (sorted(what) if isinstance(what, tuple) else [])


def test_the_page_is_the_one_of_this_code_and_names_only_steps() -> None:
    assert (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8") == page(), (
        "run `python -m pipelines.dependencies > docs/dependencies.md`"
    )
    named = {step for number in NUMBERS for step in number.steps}
    named |= {step for what in DATA_FILES.values() if isinstance(what, tuple) for step in what}
    assert named <= PARTS.keys()


def classes_below(kind: Any) -> Iterator[type]:
    """The dataclasses that settings consist of."""
    if dataclasses.is_dataclass(kind):
        yield typing.cast("type", kind)
        for hint in typing.get_type_hints(kind).values():
            yield from classes_below(hint)
    elif isinstance(kind, types.UnionType):
        for part in typing.get_args(kind):
            yield from classes_below(part)


def tables_of(kind: type, parsed_as: type, raw: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tables of raw settings that are read as a dataclass."""
    if parsed_as is kind:
        yield typing.cast("dict[str, Any]", raw)
    for name, hint in typing.get_type_hints(parsed_as).items():
        below = raw.get(name)
        kinds = [part for part in (typing.get_args(hint) or (hint,)) if dataclasses.is_dataclass(part)]
        if isinstance(below, dict) and kinds:
            names = [one for one in kinds if "name" in below and named(one) == below["name"]]
            yield from tables_of(kind, typing.cast("type", (names or kinds)[0]), below)


def named(kind: Any) -> str | None:
    """The name that tells a class of model settings from the others."""
    hint = typing.get_type_hints(kind).get("name")
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Literal else None


CLASSES = list(dict.fromkeys(classes_below(Settings)))
DEFAULTS = [
    (kind, field) for kind in CLASSES for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING
]
PLANS = [load_plan(profile) for profile in ("sample", "paper")]
ALL_SETTINGS = [plain(setting.settings) for plan in PLANS for setting in plan.settings.values()]


@pytest.mark.parametrize(("kind", "field"), DEFAULTS, ids=[f"{kind.__name__}.{field.name}" for kind, field in DEFAULTS])
def test_another_default_is_another_run(kind: type, field: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    all_raw = (copy.deepcopy(settings) for settings in ALL_SETTINGS)
    raw, tables = next((raw, found) for raw in all_raw if (found := list(tables_of(kind, Settings, raw))))
    for table in tables:
        table.pop(field.name, None)
    before = run_id_of(parse(Settings, raw), {}, {})
    monkeypatch.setattr(field, "default", "another")
    assert run_id_of(parse(Settings, raw), {}, {}) != before


def test_every_value_of_a_corpus_counts() -> None:
    for corpus in load_corpora():
        for field in dataclasses.fields(corpus):
            assert repr(dataclasses.replace(corpus, **{field.name: "another"})) != repr(corpus), field.name


def test_a_step_goes_by_code_files_settings_libraries_and_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "words.txt"
    file.write_text("one")
    step = Step("step", 1, files=(file,), settings={"a": 1}, libraries=("numpy",))
    seen = {step.inputs("x"), step.inputs("y")}
    seen |= {dataclasses.replace(step, **other).inputs("x") for other in ({"version": 2}, {"settings": {"a": 2}})}
    file.write_text("two")
    seen.add(step.inputs("x"))
    monkeypatch.setattr("pipelines.incremental.version", lambda _: "9.0+cpu")
    seen.add(step.inputs("x"))
    assert len(seen) == 6
    monkeypatch.setattr("pipelines.incremental.version", lambda _: "9.0+cu130")
    assert step.inputs("x") in seen
