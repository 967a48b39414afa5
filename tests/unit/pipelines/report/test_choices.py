"""The report shows what a source leaves open, and which value ran."""

from pathlib import Path

from pipelines.experiments import load_plan
from pipelines.experiments.schema import EXPERIMENTS
from pipelines.report.choices import Choice, choice_rows, open_choices


def test_the_lines_that_say_open_are_found_with_their_reason(tmp_path: Path) -> None:
    base = tmp_path / "one.toml"
    base.write_text(
        '[data]\nscheme = "x" # open\n[settings]\nseed = 0 # open\n[settings.model]\n'
        'name = "one" # stated\nwidth = 3    # source; open: three times\nkind = "a" # open\n'
    )
    assert open_choices(base) == [
        Choice("seed", "0", "open"),
        Choice("model.width", "3", "three times"),
        Choice("model.kind", '"a"', "open"),
    ]


def test_every_open_choice_of_the_thesis_is_shown_with_the_value_that_ran() -> None:
    rows = choice_rows(load_plan("sample"))["jiang2024_mae"]
    choices = open_choices(EXPERIMENTS / "jiang2024" / "base" / "mae.toml")
    keys = {choice.key for choice in choices}
    assert {"model.text_scale", "pretrain.contrastive_weight", "train.head_rate_ratio", "evaluate.crops"} <= keys
    assert [row[0] for row in rows] == [choice.key for choice in choices]
    (ratio,) = (row for row in rows if row[0] == "train.head_rate_ratio")
    assert ratio[1:3] == ("50.0", "2.0")
