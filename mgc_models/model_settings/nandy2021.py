"""Settings of Nandy 2021's model."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mgc_models.spec_parser import Minimum

_INPUTS = {"audio": "audio", "lyrics": "words"}


@dataclass(frozen=True)
class HanCnnSettings:
    """CNN on the spectrogram and hierarchical attention on the lyrics (Nandy 2021, section 5).

    Attributes:
        modalities: `audio`, `lyrics` or both; with one of them, its vector alone is classified.
        input_pool: Bands and frames whose mean is one pixel of the image that the CNN sees; 1, 1: every one is.
        channels: Of each block of the CNN but the last, which has `audio_vector`.
        kernels: Frames that the kernel of each block covers; it covers one band.
        pools: Frames that each block's maximum is taken over; 1: no pooling.
        audio_vector: Length of the CNN's output.
        dropout: Of the CNN, after pooling.
        hidden: Units of each GRU in each direction.
        attention: Size of the attention at both levels.
        lyrics_dropout: Of the line and song vectors.
        train_words: Whether the word vectors are trained too.
    """

    name: Literal["han_cnn"]
    modalities: tuple[Literal["audio", "lyrics"], ...]
    input_pool: Annotated[tuple[int, int], Minimum(1)]
    channels: Annotated[tuple[int, ...], Minimum(1)]
    kernels: Annotated[tuple[int, ...], Minimum(1)]
    pools: Annotated[tuple[int, ...], Minimum(1)]
    audio_vector: Annotated[int, Minimum(1)]
    dropout: Annotated[float, Minimum(0)]
    hidden: Annotated[int, Minimum(1)]
    attention: Annotated[int, Minimum(1)]
    lyrics_dropout: Annotated[float, Minimum(0)]
    train_words: bool

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the model takes."""
        return tuple(_INPUTS[modality] for modality in self.modalities)

    @property
    def batch_norm(self) -> bool:
        """Whether the model has batch normalisation: the CNN has."""
        return "audio" in self.modalities
