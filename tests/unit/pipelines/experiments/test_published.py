"""The experiment files: printed numbers as the sources have them, and mistakes in a file answered by name."""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mgc_models.bench.cases import DEFAULT_READING, readings
from mgc_models.config.models import RuMgcSettings
from pipelines.config import PROFILES
from pipelines.experiments import Plan, PlanError, PrintedTable, load_plan
from pipelines.experiments.schema import EXPERIMENTS, read_base, read_table
from warehouse.parsing import plain

SEEDS = Path(__file__).parents[5] / "shared" / "seeds"
SOURCES = {"jiang2024": "004_*.txt", "ru2023": "000_*.txt", "nandy2021": "003_*.txt"}
TABLE_FILES = sorted(path for path in EXPERIMENTS.glob("*/*.toml") if path.parent.name != "profiles")
BASE_FILES = sorted(EXPERIMENTS.glob("*/base/*.toml"))
CELL = re.compile(r"(\d+\.\d+)\}?(?:\^\{\((\*+|-)\)\})?_\{\\pm ?(\d+\.\d+)\}(?:\^\{\((\*+|-)\)\})?")


def identifier(path: Path) -> str:
    return path.relative_to(EXPERIMENTS).as_posix()


def source_text(work: str) -> str:
    found = sorted(SEEDS.glob(SOURCES[work]))
    if not found:
        pytest.skip("the source documents (../shared/seeds) are not here")
    return found[0].read_text(encoding="utf-8")


def table_of(name: str) -> PrintedTable:
    return next(table for table in load_plan("paper").tables if table.name == name)


def numbers(table: PrintedTable, metric: str) -> list[tuple[float | None, float | None, str | None]]:
    printed = [row.printed[metric] for row in table.rows]
    return [(cell.mean, cell.sd, cell.mark) for cell in printed]


@pytest.mark.parametrize("path", TABLE_FILES, ids=identifier)
def test_every_table_file_reads_and_says_where_its_numbers_stand(path: Path) -> None:
    table = read_table(path)
    assert table.source
    assert table.title
    assert all(row.label for row in table.rows)


@pytest.mark.parametrize("path", BASE_FILES, ids=identifier)
def test_every_value_of_a_base_file_has_its_source_or_reason_beside_it(path: Path) -> None:
    read_base(path)
    settings = path.read_text(encoding="utf-8").partition("[settings]")[2]
    for section in re.split(r"\n\n(?=#|\[)", settings):
        if "this model takes no" not in section:
            assert all("#" in line for line in section.splitlines() if "=" in line and "name = " not in line), section


@pytest.mark.parametrize("number", range(1, 10))
def test_thesis_tables_are_the_printed_cells_in_the_printed_order(number: int) -> None:
    text = source_text("jiang2024")
    results = text[text.index("6.1 Ablation of modalities\n\nMo") :]
    caption = re.search(rf"^Table 6\.{number}:", results, re.MULTILINE)
    assert caption
    start = results.rfind("\nM", 0, results.rfind("\nAcc", 0, caption.start()))
    block = results[start : caption.start()]
    printed = [(float(mean), float(sd), before or after or None) for mean, before, sd, after in CELL.findall(block)]

    table = table_of(f"jiang2024_table_6_{number}")
    by_metric = [numbers(table, metric) for metric in ("accuracy", "f1", "map")]
    # Table 6.9 came out of the page column by column, the others line by line.
    ours = list(zip(*by_metric, strict=True)) if number == 9 else by_metric
    assert printed == [cell for line in ours for cell in line]

    contrastive = re.search(r"^CL Acc\t(.*)$", block, re.MULTILINE)
    has_contrastive = any(metric.name == "contrastive_accuracy" for metric in table.metrics)
    assert has_contrastive == (contrastive is not None)
    if contrastive:
        assert [mean for mean, _, _ in numbers(table, "contrastive_accuracy")] == [
            float(cell) for cell in contrastive[1].split("\t")
        ]


@pytest.mark.parametrize(("name", "heading"), [("objective", "Method"), ("ablation", "A-L loss")])
def test_ru2023_tables_are_the_printed_lines(name: str, heading: str) -> None:
    lines = source_text("ru2023").split(f"\n{heading}\t")[1].split("\n\n")[0].splitlines()[1:]
    table = table_of(f"ru2023_{name}")
    printed = [tuple(float(cell) for cell in line.split("\t")[-2:]) for line in lines]
    assert printed == [(row.printed["accuracy"].mean, row.printed["f1"].mean) for row in table.rows]
    if name == "objective":
        assert [row.label for row in table.rows] == [line.split("\t")[0] for line in lines]
    else:
        plan = load_plan("paper")
        for line, row in zip(lines, table.rows, strict=True):
            setting = plan.setting(table, row)
            assert setting
            model, loss = setting.settings.model, setting.settings.loss
            assert isinstance(model, RuMgcSettings)
            assert loss
            assert [bool(cell) for cell in line.split("\t")[:3]] == [
                loss.contrastive_weight > 0,
                model.scma,
                model.gcem,
            ]


@pytest.mark.parametrize("number", [1, 2])
def test_nandy2021_tables_are_the_printed_lines(number: int) -> None:
    block = source_text("nandy2021").split(f"\nTable {number}: ")[1].split("\n\n")[1]
    lines = [
        [re.sub(r"</?b>|%", "", cell).strip() for cell in line.strip("|").split("|")] for line in block.splitlines()
    ]
    table = table_of(f"nandy2021_table_{number}")
    metrics = [metric for metric in table.metrics if not metric.is_extra]
    assert [metric.label for metric in metrics] == lines[0][1:]
    printed = [[line[0], *(None if cell == "–" else float(cell) for cell in line[1:])] for line in lines[2:]]
    ours = [[row.label, *(row.printed[metric.name].mean for metric in metrics)] for row in table.rows]
    assert printed == ours


def test_the_proposal_prints_no_number() -> None:
    assert all(cell.mean is None for row in table_of("wongchemelli2023").rows for cell in row.printed.values())


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXPERIMENTS, tmp_path / "experiments"))


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    path.write_text(after, encoding="utf-8")


MISTAKES = {
    "unknown key": (
        'label = "BERT (L)"',
        'label = "BERT (L)"\nlable = "x"',
        ["row 'bert'.lable", "unknown key"],
    ),
    "wrong type": ('label = "BERT (L)"', "label = 3", ["row 'bert'.label", "a text", "found 3"]),
    "missing key": ('label = "BERT (L)"\n', "", ["row 'bert'.label", "missing"]),
    "duplicate row": ('id = "bert"', 'id = "alnet"', ["'alnet'", "2 times"]),
    "missing metric": ("f1 = [35.67, 0.16], ", "", ["row 'bert'.printed.f1", "missing"]),
    "unknown metric": (
        "f1 = [35.67, 0.16]",
        "f1 = [35.67, 0.16], f2 = [1]",
        ["printed.f2", "accuracy, f1, map"],
    ),
    "unknown base": ('base = "bert"', 'base = "brat"', ["row 'bert'", "'brat'", "alnet"]),
    "unknown setting": ('base = "bert"', 'base = "bert"\nset = { "train.epoch" = 3 }', ["row 'bert'", "train.epoch"]),
    "setting of another type": (
        'base = "bert"',
        'base = "bert"\nset = { "text.feature" = 3 }',
        ["row 'bert'", "text.feature", "a text", "found 3"],
    ),
    "setting out of range": (
        'base = "bert"',
        'base = "bert"\nset = { "evaluate.crops" = "middle" }',
        ["row 'bert'", "evaluate.crops", "centre"],
    ),
    "setting the profile overwrites": (
        'base = "bert"',
        'base = "bert"\nset = { "model.layers" = 6 }',
        ["row 'bert'", "model.layers", "profile"],
    ),
    "bad mark": ("[27.94, 0.14]", '[27.94, 0.14, "!"]', ["row 'bert'", "accuracy", "mark"]),
    "number as text": ("[27.94, 0.14]", '["27.94", 0.14]', ["row 'bert'", "accuracy.mean", "number"]),
    "unknown dataset": ('["music4all"]', '["music5all"]', ["music5all", "music4all"]),
    "unknown unit": (
        'label = "Acc", unit = "percent"',
        'label = "Acc", unit = "%"',
        ["accuracy.unit", "percent"],
    ),
    "unknown reference": ('reference_row = "ours"', 'reference_row = "hours"', ["hours", "inception_v4"]),
    "unknown reference for a split": (
        'reference_row = "ours"',
        'reference_row = "ours"\nreference_rows = { random5 = "hours" }',
        ["hours", "inception_v4"],
    ),
    "reference on another split": (
        'reference_row = "ours"',
        'reference_row = "ours"\nreference_rows = { stratified5 = "bert" }',
        ["'bert'", "stratified5", "random5"],
    ),
    "validation without such a part": (
        'base = "alnet"',
        'base = "alnet"\nset = { "evaluate.tune_threshold" = true }',
        ["row 'alnet'", "evaluate.tune_threshold", "validation part", "split folds"],
    ),
    "seeds on folds": (
        'base = "bert"',
        'base = "bert"\ndata = { seeds = [0] }',
        ["jiang2024_bert_bert", "seeds", "'random5'", "split_70_10_20"],
    ),
    "folds on parts": (
        'base = "bert"',
        'base = "bert"\ndata = { scheme = "split_70_10_20" }',
        ["folds", "'split_70_10_20'", "stratified5"],
    ),
    "unknown corpus": ('base = "bert"', 'base = "bert"\ndata = { corpus = "m5a" }', ["'m5a'", "m4a", "ru87"]),
    "id that is no name": ('id = "bert"', 'id = "../bert"', ["../bert", "letters"]),
    "broken TOML": ("[metrics]", "[metrics", ["TOML"]),
    "another work": ('work = "jiang2024"', 'work = "jiang2025"', ["jiang2025", "jiang2024"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_table_file_names_file_and_row(mistake: str, experiments: Path) -> None:
    old, new, expected = MISTAKES[mistake]
    edit(experiments / "jiang2024" / "table_6_9.toml", lambda text: text.replace(old, new))
    with pytest.raises(PlanError) as error:
        load_plan("sample", experiments)
    for part in ["jiang2024/table_6_9.toml", *expected]:
        assert part in str(error.value)


def test_a_table_in_two_files_is_refused(experiments: Path) -> None:
    shutil.copy(experiments / "jiang2024" / "table_6_9.toml", experiments / "jiang2024" / "table_6_9_again.toml")
    with pytest.raises(PlanError, match=r"table_6_9_again\.toml.*also in jiang2024/table_6_9\.toml"):
        load_plan("sample", experiments)


def test_two_settings_with_one_id_are_refused(experiments: Path) -> None:
    text = '\n[[row]]\nid = "audio"\nlabel = "B"\nbase = "mae"\nset = { "train.lr_gamma" = 0.1 }\nprinted = '
    text += "{ accuracy = [], f1 = [], map = [] }\n"
    edit(experiments / "jiang2024" / "table_6_9.toml", lambda before: before + text)
    with pytest.raises(PlanError, match="jiang2024_mae_audio"):
        load_plan("sample", experiments)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[bert]", "[brat]", "brat"),
        ("256 = 48, 128 = 24, 64 = 12", "256 = 48", "no value of text.max_tokens for 128"),
    ],
)
def test_a_mistake_in_a_profile_is_named(old: str, new: str, expected: str, experiments: Path) -> None:
    edit(experiments / "profiles" / "sample.toml", lambda text: text.replace(old, new))
    with pytest.raises(PlanError, match=re.escape(expected)):
        load_plan("sample", experiments)


def test_a_base_without_folds_or_with_a_stray_key_is_refused(experiments: Path) -> None:
    edit(experiments / "jiang2024" / "base" / "bert.toml", lambda text: text.replace("folds = 5", "fold = 5"))
    with pytest.raises(PlanError, match=r"base/bert\.toml: data\.fold: expected .*folds.*, found an unknown key"):
        load_plan("sample", experiments)


def test_adding_a_row_needs_no_python(experiments: Path) -> None:
    text = (
        '\n[[row]]\nid = "long"\nlabel = "BERT (L), 512"\nbase = "bert"\nset = { "train.lr_gamma" = 0.25 }\nprinted = '
    )
    text += "{ accuracy = [], f1 = [], map = [] }\n"
    edit(experiments / "jiang2024" / "table_6_9.toml", lambda before: before + text)
    plan = load_plan("sample", experiments)
    train = plan.settings["jiang2024_bert_long"].settings.train
    assert train
    assert train.lr_gamma == 0.25


def test_every_profile_has_the_same_rows_and_settings() -> None:
    plans: list[Plan] = [load_plan(profile) for profile in PROFILES]
    assert len({(tuple(plan.settings), tuple(plan.setting_of.items())) for plan in plans}) == 1


def test_the_default_and_literal_rows_are_the_readings_of_the_loss_by_name() -> None:
    plan = load_plan("paper")
    named = {"jiang2024_mae": DEFAULT_READING, "jiang2024_mae_literal_loss": "literal"}
    named["jiang2024_mae_equal_weights"] = "mean"
    for setting_id, reading in named.items():
        section = plain(plan.settings[setting_id].settings)["pretrain"]
        assert {key: section[key] for key in readings()[reading]} == readings()[reading], setting_id


@pytest.mark.parametrize(
    ("row", "key", "value"),
    [
        ("literal_positions", "model.text_scale", "none"),
        ("bert_embedding_norm", "model.bert_embedding_norm", True),
        ("one_rate", "train.head_rate_ratio", 1.0),
        ("frames_512", "audio.audio_frames", 512),
        ("drop_samples", "label_scope_policy", "drop_samples"),
        ("all_crops", "evaluate.crops", "all"),
    ],
)
def test_every_other_reading_of_the_thesis_is_a_row_that_differs_by_it_alone(row: str, key: str, value: object) -> None:
    for profile in PROFILES:
        plan = load_plan(profile)
        default, other = (
            flat(plain(plan.settings[name].settings)) for name in ("jiang2024_mae", f"jiang2024_mae_{row}")
        )
        assert {name for name in default if default[name] != other[name]} == {key}
        assert profile != "paper" or other[key] == value


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted settings."""
    found = {}
    for key, value in settings.items():
        below = flat(value) if isinstance(value, dict) else None
        found |= {key: value} if below is None else {f"{key}.{name}": one for name, one in below.items()}
    return found
