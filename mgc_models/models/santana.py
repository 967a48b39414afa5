"""The audio baseline in Ru et al. 2023: Santana et al. 2020 (Music4All), a convolutional network on mel spectrograms.

Its layers could not be read; these are the usual VGG-style ones (docs/decisions/ru2023.md#compared-models).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from mgc_models.models.common import ModelOutput, required_audio


class Santana(nn.Module):
    """Blocks of 3x3 convolution, batch normalisation, ReLU and 2x2 maximum; global average, dropout, linear layer."""

    def __init__(self, n_genres: int, channels: Sequence[int], dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for in_channels, out_channels in zip((1, *channels), channels, strict=False):
            layers += [
                nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
        self.blocks = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels[-1], n_genres))
        # Halved so often, a side must leave one point; before the last halving there are then two by two, as batch
        # normalisation needs for a last batch of a single track.
        self.smallest_side = 2 ** len(channels)

    def forward(self, audio: Tensor | None) -> ModelOutput:
        """Classify spectrograms.

        Args:
            audio: `[B, T, bands]`, normalised; T and bands at least 2 to the number of blocks.

        Raises:
            ModelError: if the spectrogram is missing or too small.
        """
        image = required_audio(audio, self.smallest_side).transpose(1, 2).unsqueeze(1)
        pooled = self.blocks(image).mean((2, 3))
        return ModelOutput(self.classifier(pooled), pooled, None)
