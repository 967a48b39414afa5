"""Settings of the thesis' baselines (section 5.3)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from warehouse.parsing import Above, Minimum


@dataclass(frozen=True)
class InceptionV4Settings:
    """Inception-v4 on the spectrogram; `width` multiplies every channel count, `blocks` counts A, B and C blocks."""

    inputs: ClassVar[tuple[str, ...]] = ("audio",)
    batch_norm: ClassVar[bool] = True
    name: Literal["inception_v4"]
    width: Annotated[float, Above(0)]
    blocks: Annotated[tuple[int, int, int], Minimum(0)]


@dataclass(frozen=True)
class BertSettings:
    """BERT on the lyrics."""

    inputs: ClassVar[tuple[str, ...]] = ("tokens",)
    batch_norm: ClassVar[bool] = False
    name: Literal["bert"]
    layers: Annotated[int, Minimum(1)]
    hidden: Annotated[int, Minimum(1)]
    heads: Annotated[int, Minimum(1)]
    intermediate: Annotated[int, Minimum(1)]


@dataclass(frozen=True)
class AlnetSettings:
    """ALNet: Inception-v4 and BERT fused by one transformer encoder layer (thesis section 5.3)."""

    inputs: ClassVar[tuple[str, ...]] = ("audio", "tokens")
    batch_norm: ClassVar[bool] = True
    name: Literal["alnet"]
    width: Annotated[float, Above(0)]
    blocks: Annotated[tuple[int, int, int], Minimum(0)]
    layers: Annotated[int, Minimum(1)]
    hidden: Annotated[int, Minimum(1)]
    heads: Annotated[int, Minimum(1)]
    intermediate: Annotated[int, Minimum(1)]
    fusion_width: Annotated[int, Minimum(1)]
    fusion_heads: Annotated[int, Minimum(1)]
    fusion_intermediate: Annotated[int, Minimum(1)]
    dropout: Annotated[float, Minimum(0)]


def _inputs(modalities: tuple[str, ...], *, lyrics: str) -> tuple[str, ...]:
    """The inputs behind some modalities, `lyrics` being the one that stands for the lyrics."""
    return tuple(lyrics if modality == "lyrics" else modality for modality in modalities)


@dataclass(frozen=True)
class JiangMaeSettings:
    """Masked and contrastive audio-lyrics transformer (thesis chapter 4, figures 4.2 and 4.3).

    Attributes:
        modalities: Which encoders exist; with one modality there is no pair, so nothing to contrast.
        encoder_layers: Of each modality encoder.
        joint_layers: Of the joint encoder, whose layers all three streams share but for their norms.
        decoder_layers: Of the joint decoder; 0: no decoder is built and nothing can be reconstructed.
        hidden: Width of the encoders; a multiple of 4 (positions) and of `heads`.
        heads: Attention heads of the encoders.
        intermediate: Width inside the encoders' feed-forward parts; the decoder's has the same ratio to its width.
        decoder_hidden: Width of the decoder; a multiple of 4 and of `decoder_heads`.
        decoder_heads: Attention heads of the decoder.
        text_position: Positions of the lyrics: the function of the audio on a grid of one row, or BERT's learned ones.
        text_scale: What makes words and sinusoidal positions of like size: `words`: word embeddings times the root of
            `hidden`, as in the first transformer; `positions`: positions divided by it; `none`: both as they are.
        bert_embedding_norm: Whether BERT's token type and embedding norm follow its word embeddings.
        lyrics_masking: `slots`: kept slots are drawn over all slots, padding included; `tokens`: of every song the same
            share of its real tokens is kept.
        lyrics_dropout: Dropout of the lyrics encoder's layers; BERT's own training had 0.1.
        classifier_hidden: Width of a hidden layer in the classifier; 0: norm and linear layer only.
        cavmae_layers: Which layers of a deeper CAV-MAE audio encoder the audio encoder starts from.
        lyrics_start: What CAV-MAE gives to the lyrics: `video`: its video stream's norms and modality embedding;
            `joint`: the joint norms, and a random modality embedding.
    """

    batch_norm: ClassVar[bool] = False
    name: Literal["jiang_mae"]
    modalities: tuple[Literal["audio", "lyrics"], ...]
    encoder_layers: Annotated[int, Minimum(1)]
    joint_layers: Annotated[int, Minimum(1)]
    decoder_layers: Annotated[int, Minimum(0)]
    hidden: Annotated[int, Minimum(4)]
    heads: Annotated[int, Minimum(1)]
    intermediate: Annotated[int, Minimum(1)]
    decoder_hidden: Annotated[int, Minimum(4)]
    decoder_heads: Annotated[int, Minimum(1)]
    text_position: Literal["sinusoidal", "bert_learned"] = "sinusoidal"
    text_scale: Literal["none", "words", "positions"] = "none"
    bert_embedding_norm: bool = False
    lyrics_masking: Literal["slots", "tokens"] = "slots"
    lyrics_dropout: Annotated[float, Minimum(0)] = 0.0
    classifier_hidden: Annotated[int, Minimum(0)] = 0
    cavmae_layers: Literal["first", "last", "spread"] = "first"
    lyrics_start: Literal["video", "joint"] = "video"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The input tensors that this model takes, in the order of `modalities`."""
        return _inputs(self.modalities, lyrics="tokens")


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
        return _inputs(self.modalities, lyrics="words")

    @property
    def batch_norm(self) -> bool:
        """Whether the model has batch normalisation: the CNN has."""
        return "audio" in self.modalities


Channels = Annotated[tuple[int, int, int, int], Minimum(1)]
Size = Annotated[int, Minimum(1)]
Fraction = Annotated[float, Minimum(0)]


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
        fused_pooling: What stands for the lyrics after SCMA: the `mean` over tokens, or the state of [CLS] (`cls`).
        fusion_mlp: Whether, without SCMA, the concatenated vectors go through an MLP with as many weights as it has.
        fusion_layers: Of attention in each direction, as `fusion_heads`, `fusion_intermediate` and `dropout`.
        gcem: Whether the genres' graph gives the classifier; else a linear layer.
        gcn_hidden: Width between the two graph convolutions.
        gcn_slope: Of the LeakyReLU between them.
        gcn_graph: What the convolutions multiply with: `corpus`: the matrix by the rule of the corpus; another reading
            of it (`pipelines.genres.correlation.READINGS`); `identity`: nothing, each genre is by itself.
        gcn_start: Size of the genres' vectors at the start: `linear`: that of the rows of a linear layer, so that
            logits start alike with and without the graph; `own`: what the layers' own start gives.
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
    dropout: Fraction
    gcem: bool
    gcn_hidden: Size
    gcn_slope: Fraction
    gcn_output: Literal["classifier", "label_attention"]
    node_features: Literal["centred_names", "names", "one_hot"]
    fused_pooling: Literal["mean", "cls"] = "mean"
    fusion_mlp: bool = False
    gcn_graph: Literal["corpus", "separate", "lift", "values", "identity"] = "corpus"
    gcn_start: Literal["own", "linear"] = "own"


@dataclass(frozen=True)
class SantanaSettings:
    """The audio baseline: one block of convolution and halving per entry of `channels`."""

    inputs: ClassVar[tuple[str, ...]] = ("audio",)
    batch_norm: ClassVar[bool] = True
    name: Literal["santana"]
    channels: Annotated[tuple[int, ...], Minimum(1)]
    dropout: Fraction


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
    han_dropout: Fraction
    joint: Size
    dropout: Fraction
    emotion: bool


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
        return _inputs(self.modalities, lyrics="word_vectors")

    @property
    def batch_norm(self) -> bool:
        """Whether the model has batch normalisation: the CNN has."""
        return "audio" in self.modalities


ModelSettings = (
    InceptionV4Settings
    | BertSettings
    | AlnetSettings
    | JiangMaeSettings
    | RuMgcSettings
    | SantanaSettings
    | PandeyaSettings
    | HanCnnSettings
    | WongChemelliSettings
)
