"""Inception-v4 has timm's parameters, name by name, and reads spectrograms of any workable size."""

import pytest
import torch

from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models import build_model
from mgc_models.models.inception_v4 import InceptionV4
from tests.unit.mgc_models.published_weights import published
from tests.unit.mgc_models.tiny_models import model_settings

TINY = {"name": "inception_v4", "width": 0.125, "blocks": [1, 1, 1]}


@pytest.fixture(scope="module")
def imagenet_model() -> InceptionV4:
    return InceptionV4(1000, in_channels=3).eval()


def test_names_and_shapes_are_those_of_timm(imagenet_model: InceptionV4) -> None:
    assert {name: tuple(value.shape) for name, value in imagenet_model.state_dict().items()} == published(
        "inception_v4.tf_in1k"
    )
    assert sum(parameter.numel() for parameter in imagenet_model.parameters()) == 42_679_816
    assert {module.eps for module in imagenet_model.modules() if isinstance(module, torch.nn.BatchNorm2d)} == {1e-3}


@torch.inference_mode()
def test_map_sizes_are_those_of_the_paper(imagenet_model: InceptionV4) -> None:
    sizes = []
    maps = torch.zeros(1, 3, 299, 299)
    for place, stage in enumerate(imagenet_model.features):
        maps = stage(maps)
        if place in {0, 2, 3, 4, 5, 9, 10, 17, 18, 21}:
            sizes.append(tuple(maps.shape[1:]))
    # Figures 3 to 9 of arXiv 1602.07261: 149, 147, 73, 71, 35, 17 and 8 pixels a side
    assert [(channels, height) for channels, height, _ in sizes] == [
        (32, 149), (64, 147), (160, 73), (192, 71), (384, 35), (384, 35), (1024, 17), (1024, 17), (1536, 8), (1536, 8),
    ]  # fmt: skip


@torch.inference_mode()
def test_a_spectrogram_of_five_seconds_becomes_a_map_of_2_by_14() -> None:
    model = build_model(
        model_settings({"name": "inception_v4", "width": 1.0, "blocks": [4, 7, 3]}), DataShape(50, n_bands=128)
    ).eval()
    assert model.features(torch.zeros(1, 1, 128, 512)).shape == (1, 1536, 2, 14)


def test_the_output_is_logits_and_the_pooled_map() -> None:
    model = build_model(model_settings(TINY), DataShape(7, n_bands=128))
    logits, audio, text, _ = model(torch.randn(3, 256, 128))
    assert logits.shape == (3, 7)
    assert audio.shape == (3, 192)
    assert text is None
    torch.testing.assert_close(model.last_linear(audio), logits)


def test_frequency_is_the_height_of_the_image_and_time_its_width() -> None:
    model = build_model(model_settings(TINY), DataShape(4, n_bands=128)).eval()
    spectrogram = torch.randn(2, 300, 128)
    expected = model.features(spectrogram.transpose(1, 2)[:, None]).mean((2, 3))
    torch.testing.assert_close(model(spectrogram).audio_embedding, expected)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = build_model(model_settings(TINY), DataShape(4, n_bands=128))
    model(torch.randn(4, 128, 128)).logits.square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0] == []


@pytest.mark.parametrize(("frames", "bands"), [(74, 128), (128, 74)])
def test_too_small_a_spectrogram_names_the_smallest(frames: int, bands: int) -> None:
    model = build_model(model_settings(TINY), DataShape(4, n_bands=128)).eval()
    assert model(torch.randn(1, 75, 75)).logits.isfinite().all()
    with pytest.raises(ModelError, match=rf"spectrogram \[1, {frames}, {bands}\]: .* at least 75"):
        model(torch.randn(1, frames, bands))


def test_what_cannot_be_built_is_named() -> None:
    with pytest.raises(ModelError, match="64 bands: Inception-v4 expects at least 75"):
        build_model(model_settings(TINY), DataShape(4, n_bands=64))
    with pytest.raises(ModelError, match="the batch has none"):
        build_model(model_settings(TINY), DataShape(4, n_bands=128))()
