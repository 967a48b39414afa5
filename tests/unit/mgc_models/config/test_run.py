import copy
import json
import math

import pytest

from mgc_models.config.models import AlnetSettings, BertSettings, InceptionV4Settings
from mgc_models.config.run import JobSpec, parse_run
from tests.unit.mgc_models.tiny_job import ALNET, BERT, INCEPTION, make_pretrain_run, make_run
from warehouse.parsing import SpecError, parse, plain


@pytest.mark.parametrize(
    ("model", "kind"), [(BERT, BertSettings), (INCEPTION, InceptionV4Settings), (ALNET, AlnetSettings)]
)
def test_a_run_is_read_with_the_model_it_names(model, kind):
    run = parse_run(make_run(model=model))
    assert isinstance(run.settings.model, kind)
    assert run.settings.train.lr_milestones == (2,)
    assert run.settings.audio.mean == -5.081


BAD = [
    ("settings.train.epocs", 3, "unknown"),
    ("settings.train.epochs", "3", "whole number"),
    ("settings.train.epochs", True, "whole number"),
    ("settings.train.epochs", 0, "at least 1"),
    ("settings.train.betas", [0.9], "list of 2"),
    ("settings.train.betas", [0.9, 1.0], "below 1"),
    ("settings.train.learning_rate", math.nan, "finite"),
    ("settings.train.lr_milestones", 2, "list"),
    ("settings.train.lr_milestones", [2, "4"], "whole number"),
    ("settings.model.name", "resnet", "alnet, bert, "),
    ("settings.model.layers", 0, "at least 1"),
    ("settings.model.width", 1.0, "unknown"),
    ("settings.label_scope_policy", "drop", "drop_labels, drop_samples"),
    ("settings.audio.std", 0, "more than 0"),
    ("settings.text", [], "a table"),
    ("data.tracks", "../elsewhere.parquet", "below the store"),
    ("data.tracks", "/etc/passwd", "below the store"),
    ("run_id", "../x", "letters"),
    ("weights.bert", 3, "text"),
    ("stage", "test", "finetune, pretrain"),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD)
def test_a_wrong_value_is_refused_with_its_dotted_key(key, value, message):
    raw = copy.deepcopy(make_run())
    *parents, last = key.split(".")
    section = raw
    for name in parents:
        section = section[name]
    section[last] = value
    with pytest.raises(SpecError, match=message) as caught:
        parse(JobSpec, {"store": "/x", "device": "cpu", "runs": [make_run("other"), raw]})
    assert caught.value.key.removeprefix("runs[1].").startswith(key)


def test_a_missing_key_is_named():
    raw = make_run()
    del raw["settings"]["audio"]["std"]
    with pytest.raises(SpecError, match=r"settings\.audio\.std.*missing"):
        parse_run(raw)


@pytest.mark.parametrize("model", [INCEPTION, ALNET])
def test_a_model_with_batch_norm_takes_no_batch_in_parts_and_the_message_says_why(model):
    with pytest.raises(
        SpecError, match=r"settings\.train\.gradient_accumulation_steps: expected 1 \(.* batch normalisation.*found 2"
    ):
        parse_run(make_run(model=model, gradient_accumulation_steps=2))
    assert (
        parse_run(make_run(model=BERT, gradient_accumulation_steps=2)).settings.train.gradient_accumulation_steps == 2
    )


def test_one_run_twice_is_refused():
    with pytest.raises(SpecError, match=r"runs\[1\]\.run_id"):
        parse(JobSpec, {"store": "/x", "device": "cpu", "runs": [make_run(), make_run()]})


def test_a_job_that_is_no_table_is_refused():
    with pytest.raises(SpecError, match="expected a table"):
        parse(JobSpec, [])


@pytest.mark.parametrize("raw", [make_run(), make_pretrain_run(exclude_fold=1)])
def test_a_run_that_was_written_down_is_read_as_the_same(raw):
    run = parse_run(raw)
    assert parse_run(json.loads(json.dumps(plain(run)))) == run
    assert plain(run)["settings"]["label_scope_policy"] == "drop_labels"
