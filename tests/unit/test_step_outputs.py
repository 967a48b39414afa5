"""Code that makes something else has a higher VERSION, so that users' tables and runs are made again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.dependencies import PARTS
from pipelines.results import bootstrap
from tests.unit import step_outputs
from tests.unit.step_outputs import COMMAND, LEFT_OUT, READS, RECORD, checksum, found_steps, outdated, unversioned

RECORDED = json.loads(RECORD.read_text(encoding="utf-8"))


def test_what_a_step_makes_changes_with_its_version_only(sample_corpus: tuple[Path, Any]) -> None:
    found = found_steps(sample_corpus[0])
    messages = unversioned(RECORDED, found)
    assert not messages, "\n".join(messages)
    assert not outdated(RECORDED, found), f"run `{COMMAND}`"


def test_every_step_with_a_version_is_on_record() -> None:
    with_version = {name for name, part in PARTS.items() if part.constant}
    assert {name for name in with_version - READS.keys() if not name.startswith(tuple(LEFT_OUT))} == set()
    assert READS.keys() <= RECORDED.keys()


def test_other_code_under_the_same_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "mean_average_precision", lambda _labels, _logits, weights: np.zeros(len(weights)))
    entry = {**step_outputs.about("bootstrap"), "content": {"intervals": checksum(step_outputs.intervals())}}
    (message,) = unversioned(RECORDED, RECORDED | {"bootstrap": entry})
    assert "Raise pipelines.results.bootstrap.VERSION" in message


def entry(content: str, **more: Any) -> dict[str, Any]:
    about = {"constant": "module.VERSION", "version": 1, "settings": "s", "libraries": {"torch": "1"}}
    return {**about, **more, "content": {"table/part": content}}


@pytest.mark.parametrize("more", [{"version": 2}, {"settings": "t"}, {"libraries": {"torch": "2"}}])
def test_a_higher_version_other_settings_or_libraries_ask_for_a_new_record(more: dict[str, Any]) -> None:
    recorded, found = {"genres": entry("old")}, {"genres": entry("new", **more)}
    assert unversioned(recorded, found) == []
    assert outdated(recorded, found) == ["genres"]
    assert len(unversioned(recorded, {"genres": entry("new")})) == 1


def test_other_libraries_that_make_the_same_need_no_new_record() -> None:
    assert outdated({"genres": entry("same")}, {"genres": entry("same", libraries={"torch": "2"})}) == []
    assert outdated({"genres": entry("same")}, {"genres": entry("same", version=2)}) == ["genres"]


def test_a_step_is_not_blamed_for_what_it_reads() -> None:
    recorded = {"corpora": entry("old"), "genres": entry("old"), "match quality": entry("old")}
    found = {"corpora": entry("new", version=2), "genres": entry("new"), "match quality": entry("new")}
    (message,) = unversioned(recorded, found)
    assert message.startswith("match quality: table/part changed")


def test_last_digits_do_not_count() -> None:
    def steps(values: list[float]) -> dict[str, Any]:
        return {"genres": {**entry(""), "content": {"floats": checksum(np.array(values))}}}

    assert outdated(steps([1.0, 2.0]), steps([1.0, 2.0 + 1e-9])) == []
    assert unversioned(steps([1.0, 2.0]), steps([1.0, 2.01])) != []
