"""The benchmark runs small, says what was measured, and stops clearly where it cannot run."""

import json
import shutil
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from pipelines.bench import matching
from pipelines.bench.__main__ import main
from pipelines.bench.cost import Cost
from pipelines.bench.language import generate
from pipelines.bench.record import as_record, as_text


def test_language_at_a_small_scale(tmp_path, capsys) -> None:
    assert main(["--only", "language", "--scale", "0.001", "--folder", str(tmp_path), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    language = measured["language"]
    assert (measured["scale"], measured["seed"]) == (0.001, 0)
    assert (language["texts"], language["reference_texts"], language["different"]) == (109, 109, 0)
    assert language["ratio"] == pytest.approx(language["core_s"] / language["reference_core_s"])
    assert language["whole"]["peak_bytes"] > 0


def test_matching_at_a_small_scale_finds_what_was_planted(tmp_path, monkeypatch) -> None:
    spent = iter(range(1, 9))
    monkeypatch.setattr(matching, "alone", lambda step, *arguments: (step(*arguments), Cost(1, next(spent), 10**9)))
    measured = matching.measure(tmp_path, scale=0.002, seed=0)
    assert measured.planted["exact"] == 400
    assert measured.found == measured.planted | {"cover": 0}
    assert measured.cleaned >= 400
    assert measured.exact == Cost(4, 3 + 4 + 5 + 7, 10**9)
    assert measured.ratios == {"exact_core": 9.5, "all_kinds_core": 10, "exact_duration": 4, "all_kinds_duration": 4}


def test_values_within_values_are_printed_and_kept() -> None:
    @dataclass(frozen=True)
    class Step:
        core_s: float

        @property
        def doubled(self) -> float:
            return 2 * self.core_s

    @dataclass(frozen=True)
    class Part:
        peak_bytes: int
        steps: tuple[Step, ...]
        found: dict[str, int]

    record = as_record(Part(2_500_000_000, (Step(0.5), Step(1.5)), {"exact": 12_000}))
    assert record["steps"] == [{"core_s": 0.5, "doubled": 1.0}, {"core_s": 1.5, "doubled": 3.0}]
    rows = [line.split() for line in as_text({"part": record}).splitlines()]
    assert rows[1:] == [
        ["peak_bytes", "2.500", "GB"],
        ["steps.0.core_s", "0.500"],
        ["steps.0.doubled", "1.000"],
        ["steps.1.core_s", "1.500"],
        ["steps.1.doubled", "3.000"],
        ["found.exact", "12,000"],
    ]


def test_lyrics_follow_the_seed_alone() -> None:
    first = list(generate(0.003, 1))
    assert first == list(generate(0.003, 1)) != list(generate(0.003, 2))
    assert [len(task) for task in first] == [250, 78]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--only", "nothing"], ("nothing", "matching", "language")), (["--folder", "{file}/x"], ("{file}",))],
)
def test_what_cannot_be_run_is_said(arguments, words, tmp_path, capsys) -> None:
    file = tmp_path / "file"
    file.touch()
    assert main([argument.format(file=file) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert all(word.format(file=file) in said for word in words)
    assert "Traceback" not in said


@pytest.mark.parametrize("scale", ["0", "-1", "2", "half", "nan"])
def test_scale_is_a_share(scale, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--scale", scale])
    assert "--scale" in capsys.readouterr().err


def test_a_full_disk_is_noticed_before_anything_is_generated(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    assert main(["--only", "matching", "--folder", str(tmp_path)]) == 2
    assert "1.0 GB free" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
