"""What a source leaves open and which value was taken: the lines of the base files that say so."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.experiments.plan import Plan
from pipelines.experiments.schema import EXPERIMENTS
from warehouse.parsing import plain

_SECTION = re.compile(r"\[settings\.?(?P<name>\w*)\]")
_LINE = re.compile(r"(?P<key>\w+) = (?P<value>.+?)\s+# (?P<why>.*\bopen\b.*)")


class Choice(NamedTuple):
    """One open choice: dotted setting, value of the base file, what the file says of it."""

    key: str
    value: str
    why: str


def open_choices(path: Path) -> list[Choice]:
    """The settings of a base file whose line says that the source leaves them open."""
    return list(_choices(path.read_text(encoding="utf-8").splitlines()))


def _choices(lines: list[str]) -> Iterator[Choice]:
    section: str | None = None
    for line in lines:
        if line.startswith("["):
            found = _SECTION.fullmatch(line)
            section = found["name"] if found else None
        elif section is not None and (found := _LINE.fullmatch(line)):
            key = f"{section}.{found['key']}" if section else found["key"]
            yield Choice(key, found["value"], found["why"].partition("open:")[2].strip() or found["why"])


def choice_rows(plan: Plan, root: Path = EXPERIMENTS) -> dict[str, list[tuple[str, str, str, str]]]:
    """By base setting of the plan, its open choices: setting, value of the base file, value that ran, reason."""
    found = {}
    for path in sorted(root.glob("*/base/*.toml")):
        setting = plan.settings.get(f"{path.parent.parent.name}_{path.stem}")
        if setting is not None and (choices := open_choices(path)):
            settings = plain(setting.settings)
            found[setting.setting_id] = [(one.key, one.value, _ran(settings, one.key), one.why) for one in choices]
    return found


def _ran(settings: Mapping[str, Any], key: str) -> str:
    """A value as TOML has it."""
    value: Any = settings
    for part in key.split("."):
        value = value[part]
    if isinstance(value, tuple):
        value = list(value)
    return json.dumps(value, ensure_ascii=False)
