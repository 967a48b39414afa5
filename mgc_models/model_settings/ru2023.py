"""Settings of the three models in the tables of Ru et al. 2023."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from mgc_models.spec_parser import Minimum

Channels = Annotated[tuple[int, int, int, int], Minimum(1)]
Size = Annotated[int, Minimum(1)]
Share = Annotated[float, Minimum(0)]


@dataclass(frozen=True)
class RuMgcSettings:
    """The proposed model: ResNet and BERT, two symmetric cross-modal attentions, a graph convolution over genres.

    Attributes:
        audio_channels: Of the four stages of the ResNet.
        audio_blocks: Of the four stages of the ResNet; 2, 2, 2, 2 in ResNet-18.
        layers: Of BERT, as `hidden`, `heads` and `intermediate`.
        width: Of both modalities when they meet.
        text_pooling: What stands for the lyrics before fusion: the state of [CLS], or the mean over tokens.
        contrastive_width: Of the space in which audio and lyrics are aligned.
        scma: Whether the modalities attend to each other; else their pooled vectors are concatenated as they are.
        fusion_layers: Of attention in each direction, as `fusion_heads`, `fusion_intermediate` and `dropout`.
        gcem: Whether the genres' graph gives the classifier; else a linear layer.
        gcn_hidden: Width between the two graph convolutions.
        gcn_slope: Of the LeakyReLU between them.
        gcn_output: `classifier`: each genre's vector times the fused vector (ML-GCN); `label_attention`: each genre's
            vector is its question to the sequence.
        node_features: `centred_names`: vectors of the genres' names less their mean; `names`: as they are; `one_hot`.
    """

    inputs: ClassVar[tuple[str, ...]] = ("audio", "tokens")
    batch_norm: ClassVar[bool] = True
    name: Literal["ru_mgc"]
    audio_channels: Channels
    audio_blocks: Channels
    layers: Size
    hidden: Size
    heads: Size
    intermediate: Size
    width: Size
    text_pooling: Literal["cls", "mean"]
    contrastive_width: Size
    scma: bool
    fusion_layers: Size
    fusion_heads: Size
    fusion_intermediate: Size
    dropout: Share
    gcem: bool
    gcn_hidden: Size
    gcn_slope: Share
    gcn_output: Literal["classifier", "label_attention"]
    node_features: Literal["centred_names", "names", "one_hot"]

    @property
    def wants_genre_graph(self) -> bool:
        """Whether the model starts from the correlations of the genres."""
        return self.gcem


@dataclass(frozen=True)
class SantanaSettings:
    """The audio baseline: one block of convolution and halving per entry of `channels`."""

    inputs: ClassVar[tuple[str, ...]] = ("audio",)
    batch_norm: ClassVar[bool] = True
    name: Literal["santana"]
    channels: Annotated[tuple[int, ...], Minimum(1)]
    dropout: Share


@dataclass(frozen=True)
class PandeyaSettings:
    """The audio-and-lyrics baseline: ResNet and hierarchical attention network (HAN), joined late.

    Attributes:
        audio_channels: Of the four stages of the ResNet.
        audio_blocks: Of the four stages of the ResNet.
        han_hidden: GRU units in each direction.
        han_attention: Width of the attentions over words and over lines.
        han_dropout: After each attention.
        joint: Width of the layer over both modalities.
        dropout: After that layer.
        emotion: Whether there is a second head, for valence and energy.
    """

    inputs: ClassVar[tuple[str, ...]] = ("audio", "words")
    batch_norm: ClassVar[bool] = True
    name: Literal["pandeya"]
    audio_channels: Channels
    audio_blocks: Channels
    han_hidden: Size
    han_attention: Size
    han_dropout: Share
    joint: Size
    dropout: Share
    emotion: bool
