"""Settings of Wong and Chemelli 2023's model."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mgc_models.spec_parser import Minimum

_INPUTS = {"audio": "audio", "lyrics": "word_vectors"}


@dataclass(frozen=True)
class WongChemelliSettings:
    """Stacked LSTM on the vectors of principal words, CNN on the spectrogram, joined (proposal, section 2).

    Attributes:
        modalities: `audio`, `lyrics` or both; with one of them, its vector alone goes into the dense layer.
        channels: Of each block of the CNN; each halves both sides of the image.
        audio_vector: Length of the CNN's output.
        hidden: Units of each LSTM in each direction.
        layers: LSTMs on top of each other.
        lyrics_dropout: Between the LSTMs.
        pooling: `mean` of the last LSTM's states, or its `last` states in each direction.
        lyrics_vector: Length of the output of the LSTMs' branch.
        dense: Width of the dense layer.
        dropout: Before the classifier.
    """

    name: Literal["wong_chemelli"]
    modalities: tuple[Literal["audio", "lyrics"], ...]
    channels: Annotated[tuple[int, ...], Minimum(1)]
    audio_vector: Annotated[int, Minimum(1)]
    hidden: Annotated[int, Minimum(1)]
    layers: Annotated[int, Minimum(1)]
    lyrics_dropout: Annotated[float, Minimum(0)]
    pooling: Literal["mean", "last"]
    lyrics_vector: Annotated[int, Minimum(1)]
    dense: Annotated[int, Minimum(1)]
    dropout: Annotated[float, Minimum(0)]

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the model takes."""
        return tuple(_INPUTS[modality] for modality in self.modalities)

    @property
    def batch_norm(self) -> bool:
        """Whether the model has batch normalisation: the CNN has."""
        return "audio" in self.modalities
