"""README.md and docs/real_data.md: what is generated is current; commands, jobs, tables and variables exist."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mgc_models.features.audio.spectrograms import DEFINITIONS
from mgc_models.features.config import feature_settings
from pipelines.assets.resources import MgcResource
from pipelines.definitions import defs, job_descriptions
from pipelines.docs.blocks import BLOCKS
from pipelines.docs.disk import CLIP_S, clip_frames
from pipelines.docs.pages import PAGES, PageError, out_of_date, rewritten, write_pages
from pipelines.experiments import PlanError, load_plan
from pipelines.experiments.works import FILE as WORKS_FILE
from pipelines.experiments.works import load_works
from pipelines.features.config import spectrogram_names
from warehouse.contract import load_contract
from warehouse.variables import VARIABLES

ROOT = Path(__file__).parents[4]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in PAGES}
TEXT = "\n".join(TEXTS.values())
COMMANDS = sorted(set(re.findall(r"python -m ((?:pipelines|mgc_models|warehouse)[\w.]*(?: [a-z]+(?![\w.]))?)", TEXT)))


def test_generated_blocks_say_what_the_code_says() -> None:
    assert out_of_date() == [], "python -m pipelines.docs writes them anew"


def test_every_block_stands_on_a_page() -> None:
    assert {name for name in BLOCKS if f"<!-- generated: {name} -->" in TEXT} == set(BLOCKS)


def test_a_stale_block_is_named_and_written_anew_and_nothing_else_is_touched(tmp_path: Path) -> None:
    for name, text in TEXTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    readme = tmp_path / "README.md"
    readme.write_text(TEXTS["README.md"].replace("| `MGC_CAVMAE` |", "| `MGC_CAVMEA` |"), encoding="utf-8")
    assert out_of_date(tmp_path) == ["README.md"]
    assert write_pages(tmp_path) == ["README.md"]
    assert readme.read_text(encoding="utf-8") == TEXTS["README.md"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!-- generated: nothing -->\n<!-- end -->", "Nothing makes block 'nothing'; there are works"),
        ("<!-- generated: works -->\n", "generated: works --> has no partner"),
        ("text\n<!-- end -->\n", "<!-- end --> has no partner"),
    ],
)
def test_marks_that_cannot_be_followed_are_named(text: str, expected: str) -> None:
    with pytest.raises(PageError, match=re.escape(expected)):
        rewritten(text)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_named_command_gives_its_help(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, *subcommand = command.split()
    monkeypatch.setattr(sys, "argv", [module, *subcommand, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert ended.value.code == 0


def test_the_commands_of_all_command_lines_are_found() -> None:
    assert {"warehouse sql", "pipelines.datasets check", "mgc_models.predict"} <= set(COMMANDS)


def test_named_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", TEXT, re.MULTILINE))
    assert {"repro", "test", "ui"} <= named <= targets


def test_named_jobs_exist_and_every_job_is_described() -> None:
    jobs = {job.name: job.description for job in defs.resolve_all_job_defs() if not job.name.startswith("__")}
    assert jobs == job_descriptions()
    named = set(re.findall(r"(?:job execute -j|dg launch --job) (\w+)", TEXT))
    assert {"full_repro"} <= named <= set(jobs)


def test_named_variables_exist_and_are_those_of_the_launchpad() -> None:
    # The launchpad chooses the executor in its own place, and a rendezvous is a matter of hosts.
    elsewhere = {"MGC_EXECUTOR", "MGC_RENDEZVOUS"}
    assert {f"MGC_{field.upper()}" for field in MgcResource.model_fields} == set(VARIABLES) - elsewhere
    assert set(re.findall(r"MGC_[A-Z0-9_]+", TEXT)) <= set(VARIABLES)


def test_the_code_location_does_without_the_generator() -> None:
    code = "import sys, pipelines.definitions; print('pipelines.docs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_named_tables_exist() -> None:
    views = {f"report.{table.name}" for table in load_plan("paper").tables}
    named = set(re.findall(r"\bFROM (\w+\.\w+)|warehouse show (\w+)", TEXT))
    assert {table or f"report.{view}" for table, view in named} <= {*load_contract(), *views}
    assert named


def test_every_work_of_the_plan_is_described() -> None:
    assert {table.work for table in load_plan("paper").tables} == set(load_works())


def test_a_work_that_is_described_wrongly_is_named_with_its_key(tmp_path: Path) -> None:
    file = tmp_path / "works.toml"
    file.write_text(WORKS_FILE.read_text(encoding="utf-8").replace('cited = "Ru et al."\n', ""), encoding="utf-8")
    with pytest.raises(PlanError, match=re.escape("works.toml: ru2023.cited: expected a value, found nothing")):
        load_works(file)


@pytest.mark.parametrize("name", spectrogram_names())
def test_disk_counts_the_frames_that_extraction_makes(name: str) -> None:
    settings = feature_settings(name)
    noise = np.random.default_rng(0).normal(size=CLIP_S * settings["sample_rate_hz"]).astype(np.float32)
    assert clip_frames(settings) == len(DEFINITIONS[settings["definition"]](noise, settings))
