"""ResNet with basic blocks (He et al. 2016, arXiv 1512.03385, table 1) on a spectrogram: ResNet-18 is (2, 2, 2, 2)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST_SIDE = 33
"""From here on every map has two rows and two columns or more: batch normalisation needs more than one value per
channel, also for a last batch of a single track."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around which the input passes: `[B, in, H, W]` to `[B, out, H / stride, W / stride]`."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = (
            nn.Identity()
            if stride == 1 and in_channels == out_channels
            else nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Add the convolved map to the input, brought to its size where that changes."""
        out = torch.relu_(self.bn1(self.conv1(maps)))
        return F.relu(self.bn2(self.conv2(out)) + self.downsample(maps))


class ResNet(nn.Sequential):
    """The network without its head: `[B, 1, bands, T]` to `[B, channels[-1], bands / 32, T / 32]`, sides rounded up.

    Args:
        channels: Of the four stages; 64, 128, 256, 512 in the paper. The stem has the first number.
        blocks: Of the four stages; 2, 2, 2, 2 in ResNet-18.
    """

    def __init__(self, channels: Sequence[int], blocks: Sequence[int]) -> None:
        stages: list[nn.Module] = []
        width = channels[0]
        for stage, (out_channels, count) in enumerate(zip(channels, blocks, strict=True)):
            for block in range(count):
                stages.append(BasicBlock(width, out_channels, 2 if stage and not block else 1))
                width = out_channels
        super().__init__(
            nn.Conv2d(1, channels[0], 7, 2, 3, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            *stages,
        )
        self.out_channels = width
