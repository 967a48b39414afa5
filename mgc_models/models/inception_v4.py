"""Inception-v4 (Szegedy et al. 2016, arXiv 1602.07261, figures 3 to 8) on a spectrogram, with timm's parameter names.

The blocks are tables of branches; `features` is their sequence and `last_linear` the head, so that the ImageNet file
of timm (`inception_v4.tf_in1k`) loads by name. As in the original, every strided convolution is unpadded.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.common import ModelOutput, required_audio

SMALLEST_SIDE = 75  # a smaller input is used up by the unpadded convolutions
PAPER_BLOCKS = (4, 7, 3)
_BATCH_NORM_EPS = 1e-3  # of the TensorFlow original, whose weights timm's file holds


class Conv(NamedTuple):
    """One convolution; `padded` keeps the size of the map."""

    channels: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = False


HALVE, SMOOTH = "3x3 maximum, stride 2", "3x3 mean, stride 1"
Branch = tuple[Conv | str, ...]


def _square(channels: int, *, stride: int = 1, padded: bool = False) -> Conv:
    return Conv(channels, (3, 3), stride, padded)


def _along(kernel: tuple[int, int], channels: int) -> Conv:
    return Conv(channels, kernel, padded=True)


STEM = (_square(32, stride=2), _square(32), _square(64, padded=True))
MIXED_3A: dict[str, Branch] = {"maxpool": (HALVE,), "conv": (_square(96, stride=2),)}
MIXED_4A: dict[str, Branch] = {
    "branch0": (Conv(64), _square(96)),
    "branch1": (Conv(64), _along((1, 7), 64), _along((7, 1), 64), _square(96)),
}
MIXED_5A: dict[str, Branch] = {"conv": (_square(192, stride=2),), "maxpool": (HALVE,)}
INCEPTION_A: dict[str, Branch] = {
    "branch0": (Conv(96),),
    "branch1": (Conv(64), _square(96, padded=True)),
    "branch2": (Conv(64), _square(96, padded=True), _square(96, padded=True)),
    "branch3": (SMOOTH, Conv(96)),
}
REDUCTION_A: dict[str, Branch] = {
    "branch0": (_square(384, stride=2),),
    "branch1": (Conv(192), _square(224, padded=True), _square(256, stride=2)),
    "branch2": (HALVE,),
}
INCEPTION_B: dict[str, Branch] = {
    "branch0": (Conv(384),),
    "branch1": (Conv(192), _along((1, 7), 224), _along((7, 1), 256)),
    "branch2": (Conv(192), _along((7, 1), 192), _along((1, 7), 224), _along((7, 1), 224), _along((1, 7), 256)),
    "branch3": (SMOOTH, Conv(128)),
}
REDUCTION_B: dict[str, Branch] = {
    "branch0": (Conv(192), _square(192, stride=2)),
    "branch1": (Conv(256), _along((1, 7), 256), _along((7, 1), 320), _square(320, stride=2)),
    "branch2": (HALVE,),
}


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, ReLU: `[B, in, H, W]` to `[B, out, H', W']`.

    Attributes:
        out_channels: `conv.channels` times the width of the network, at least 4.
    """

    def __init__(self, in_channels: int, conv: Conv, width: float) -> None:
        super().__init__()
        padding = (conv.kernel[0] // 2, conv.kernel[1] // 2) if conv.padded else (0, 0)
        self.out_channels = max(4, round(conv.channels * width))
        self.conv = nn.Conv2d(in_channels, self.out_channels, conv.kernel, conv.stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(self.out_channels, eps=_BATCH_NORM_EPS)

    def forward(self, maps: Tensor) -> Tensor:
        """Apply the three in order."""
        return torch.relu_(self.bn(self.conv(maps)))


class Parallel(nn.Module):
    """Branches side by side, their maps joined along the channels: `[B, in, H, W]` to `[B, out, H', W']`."""

    def __init__(self, in_channels: int, branches: Mapping[str, Branch], width: float) -> None:
        super().__init__()
        self.out_channels = 0
        for name, branch in branches.items():
            module, channels = _chain(in_channels, branch, width)
            self.add_module(name, module)
            self.out_channels += channels

    def forward(self, maps: Tensor) -> Tensor:
        """Run every branch on the same map."""
        return torch.cat([branch(maps) for branch in self.children()], 1)


def _chain(in_channels: int, branch: Branch, width: float) -> tuple[nn.Module, int]:
    """Modules of one branch and its number of output channels; a single module stands by itself, as in timm."""
    modules: list[nn.Module] = []
    channels = in_channels
    for part in branch:
        if isinstance(part, Conv):
            convolution = ConvNorm(channels, part, width)
            modules.append(convolution)
            channels = convolution.out_channels
        elif part == HALVE:
            modules.append(nn.MaxPool2d(3, stride=2))
        else:
            modules.append(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False))
    return (modules[0] if len(modules) == 1 else nn.Sequential(*modules)), channels


class InceptionC(nn.Module):
    """The last kind of block (figure 6), where two branches fork: `[B, in, H, W]` to `[B, 1536 x width, H, W]`."""

    def __init__(self, in_channels: int, width: float) -> None:
        super().__init__()

        def conv(channels_in: int, channels: int, kernel: tuple[int, int] = (1, 1)) -> ConvNorm:
            return ConvNorm(channels_in, _along(kernel, channels), width)

        self.branch0 = conv(in_channels, 256)
        self.branch1_0 = conv(in_channels, 384)
        self.branch1_1a = conv(self.branch1_0.out_channels, 256, (1, 3))
        self.branch1_1b = conv(self.branch1_0.out_channels, 256, (3, 1))
        self.branch2_0 = conv(in_channels, 384)
        self.branch2_1 = conv(self.branch2_0.out_channels, 448, (3, 1))
        self.branch2_2 = conv(self.branch2_1.out_channels, 512, (1, 3))
        self.branch2_3a = conv(self.branch2_2.out_channels, 256, (1, 3))
        self.branch2_3b = conv(self.branch2_2.out_channels, 256, (3, 1))
        self.branch3, last = _chain(in_channels, (SMOOTH, Conv(256)), width)
        self.out_channels = 5 * self.branch0.out_channels + last

    def forward(self, maps: Tensor) -> Tensor:
        """Run the four branches, two of which end in a fork."""
        first = self.branch1_0(maps)
        second = self.branch2_2(self.branch2_1(self.branch2_0(maps)))
        ends = (self.branch1_1a(first), self.branch1_1b(first), self.branch2_3a(second), self.branch2_3b(second))
        return torch.cat((self.branch0(maps), *ends, self.branch3(maps)), 1)


def inception_features(in_channels: int, width: float, blocks: Sequence[int]) -> tuple[nn.Sequential, int]:
    """The network without its head, and the number of channels it ends in (1536 at width 1).

    Args:
        in_channels: 1 for a spectrogram, 3 for a picture.
        width: Factor on every number of channels.
        blocks: How many Inception-A, -B and -C blocks; 4, 7, 3 in the paper.

    Returns:
        A module from `[B, in_channels, H, W]` to `[B, channels, H', W']`: 128 x 512 becomes 2 x 14.
    """
    modules: list[nn.Module] = []
    channels = in_channels

    def append(module: ConvNorm | Parallel | InceptionC) -> None:
        nonlocal channels
        modules.append(module)
        channels = module.out_channels

    for conv in STEM:
        append(ConvNorm(channels, conv, width))
    stages = [MIXED_3A, MIXED_4A, MIXED_5A] + blocks[0] * [INCEPTION_A] + [REDUCTION_A]
    for table in stages + blocks[1] * [INCEPTION_B] + [REDUCTION_B]:
        append(Parallel(channels, table, width))
    for _ in range(blocks[2]):
        append(InceptionC(channels, width))
    return nn.Sequential(*modules), channels


def check_bands(shape: DataShape) -> None:
    """Refuse spectrograms that have too few bands for the blocks that halve them.

    Raises:
        ModelError: if there are fewer than `SMALLEST_SIDE`, or no spectrograms.
    """
    if shape.n_bands is None or shape.n_bands < SMALLEST_SIDE:
        raise ModelError(f"a spectrogram of {shape.n_bands} bands: Inception-v4 expects at least {SMALLEST_SIDE}")


class InceptionV4(nn.Module):
    """The audio baseline of the thesis (section 5.3): Inception-v4, global average, linear layer.

    Attributes:
        features: From `[B, in_channels, bands, T]` to the map `[B, 1536 x width, h, w]`.
        last_linear: From the averaged map to the genres.
    """

    new_head: ClassVar[str] = "last_linear"

    def __init__(
        self, n_genres: int, *, width: float = 1.0, blocks: Sequence[int] = PAPER_BLOCKS, in_channels: int = 1
    ) -> None:
        super().__init__()
        self.features, channels = inception_features(in_channels, width, blocks)
        self.last_linear = nn.Linear(channels, n_genres)

    def forward(self, audio: Tensor | None = None) -> ModelOutput:
        """Classify spectrograms.

        Args:
            audio: `[B, T, bands]`, normalised; T and bands at least 75.

        Raises:
            ModelError: if the spectrogram is missing or too small.
        """
        image = required_audio(audio, SMALLEST_SIDE).transpose(1, 2).unsqueeze(1)
        pooled = self.features(image).mean((2, 3))
        return ModelOutput(self.last_linear(pooled), pooled)
