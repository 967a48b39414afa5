"""Inception-v4 has timm's parameters, name by name, and reads spectrograms of any workable size."""

import pytest
import torch

from mgc_models.errors import ModelError
from mgc_models.models import DataSizes, build_model
from mgc_models.models.inception_v4 import InceptionV4

TINY = {"name": "inception_v4", "width": 0.125, "blocks": [1, 1, 1]}

# Every convolution of timm's inception_v4, one block per line: name, in > out, kernel. Written from timm's source, not
# from ours; the numbers before the colon are the places in `features` where the block stands.
TIMM = """
0: - 3>32 3x3
1: - 32>32 3x3
2: - 32>64 3x3
3: conv 64>96 3x3
4: branch0.0 160>64 1x1, branch0.1 64>96 3x3, branch1.0 160>64 1x1, branch1.1 64>64 1x7, branch1.2 64>64 7x1, branch1.3 64>96 3x3
5: conv 192>192 3x3
6 7 8 9: branch0 384>96 1x1, branch1.0 384>64 1x1, branch1.1 64>96 3x3, branch2.0 384>64 1x1, branch2.1 64>96 3x3, branch2.2 96>96 3x3, branch3.1 384>96 1x1
10: branch0 384>384 3x3, branch1.0 384>192 1x1, branch1.1 192>224 3x3, branch1.2 224>256 3x3
11 12 13 14 15 16 17: branch0 1024>384 1x1, branch1.0 1024>192 1x1, branch1.1 192>224 1x7, branch1.2 224>256 7x1, branch2.0 1024>192 1x1, branch2.1 192>192 7x1, branch2.2 192>224 1x7, branch2.3 224>224 7x1, branch2.4 224>256 1x7, branch3.1 1024>128 1x1
18: branch0.0 1024>192 1x1, branch0.1 192>192 3x3, branch1.0 1024>256 1x1, branch1.1 256>256 1x7, branch1.2 256>320 7x1, branch1.3 320>320 3x3
19 20 21: branch0 1536>256 1x1, branch1_0 1536>384 1x1, branch1_1a 384>256 1x3, branch1_1b 384>256 3x1, branch2_0 1536>384 1x1, branch2_1 384>448 3x1, branch2_2 448>512 1x3, branch2_3a 512>256 1x3, branch2_3b 512>256 3x1, branch3.1 1536>256 1x1
"""  # noqa: E501 - one block per line


def timm_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"last_linear.weight": (1000, 1536), "last_linear.bias": (1000,)}
    for line in TIMM.strip().splitlines():
        places, convolutions = line.split(": ")
        for place in places.split():
            for convolution in convolutions.split(", "):
                name, channels, kernel = convolution.split()
                prefix = f"features.{place}" if name == "-" else f"features.{place}.{name}"
                inputs, outputs = (int(number) for number in channels.split(">"))
                shapes[f"{prefix}.conv.weight"] = (outputs, inputs, *(int(side) for side in kernel.split("x")))
                shapes[f"{prefix}.bn.num_batches_tracked"] = ()
                for statistic in ("weight", "bias", "running_mean", "running_var"):
                    shapes[f"{prefix}.bn.{statistic}"] = (outputs,)
    return shapes


@pytest.fixture(scope="module")
def imagenet_model() -> InceptionV4:
    return InceptionV4(1000, in_channels=3).eval()


def test_names_and_shapes_are_those_of_timm(imagenet_model: InceptionV4) -> None:
    assert {name: tuple(value.shape) for name, value in imagenet_model.state_dict().items()} == timm_shapes()
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
    model = build_model({"name": "inception_v4", "width": 1.0, "blocks": [4, 7, 3]}, DataSizes(50, n_bands=128)).eval()
    assert model.features(torch.zeros(1, 1, 128, 512)).shape == (1, 1536, 2, 14)


def test_the_output_is_logits_and_the_pooled_map() -> None:
    model = build_model(TINY, DataSizes(7, n_bands=128))
    logits, audio, text, _ = model(torch.randn(3, 256, 128))
    assert logits.shape == (3, 7)
    assert audio.shape == (3, 192)
    assert text is None
    torch.testing.assert_close(model.last_linear(audio), logits)


def test_frequency_is_the_height_of_the_image_and_time_its_width() -> None:
    model = build_model(TINY, DataSizes(4, n_bands=128)).eval()
    spectrogram = torch.randn(2, 300, 128)
    expected = model.features(spectrogram.transpose(1, 2)[:, None]).mean((2, 3))
    torch.testing.assert_close(model(spectrogram).audio_embedding, expected)


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    model = build_model(TINY, DataSizes(4, n_bands=128))
    model(torch.randn(4, 128, 128)).logits.square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.abs().sum() > 0] == []


@pytest.mark.parametrize(("frames", "bands"), [(74, 128), (128, 74)])
def test_too_small_a_spectrogram_names_the_smallest(frames: int, bands: int) -> None:
    model = build_model(TINY, DataSizes(4, n_bands=128)).eval()
    assert model(torch.randn(1, 75, 75)).logits.isfinite().all()
    with pytest.raises(ModelError, match=rf"spectrogram \[1, {frames}, {bands}\]: .* at least 75"):
        model(torch.randn(1, frames, bands))


def test_what_cannot_be_built_is_named() -> None:
    with pytest.raises(ModelError, match="64 bands: Inception-v4 expects at least 75"):
        build_model(TINY, DataSizes(4, n_bands=64))
    with pytest.raises(ModelError, match=r"model.name = 'inception_v5': expected one of alnet, bert, "):
        build_model({"name": "inception_v5"}, DataSizes(4, n_bands=128))
    with pytest.raises(ModelError, match="the batch has none"):
        build_model(TINY, DataSizes(4, n_bands=128))()
