"""Every input that a model may name is registered once, and each layer has its part of it."""

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from mgc_models.config.inputs import INPUTS
from mgc_models.config.run import Settings
from mgc_models.data.batches import TrackData
from mgc_models.data.inputs import OPENERS
from mgc_models.predict.trained import TrainedModel
from tests.unit.mgc_models.tiny_models import CASES


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_has_a_section_a_table_an_opener_and_a_source_for_new_songs(name: str) -> None:
    kind = INPUTS[name]
    assert kind.settings in get_args(get_type_hints(Settings)[kind.section])
    assert name in {item.name for item in fields(TrackData)}
    assert name in OPENERS
    assert hasattr(TrainedModel, kind.prepared_by)


def test_models_name_registered_inputs_alone() -> None:
    assert {name for case in CASES.values() for name in case.settings.inputs} == set(INPUTS) == set(OPENERS)
