"""Settings of the thesis' own model; what the thesis leaves open has a default here and a note in docs/decisions."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from mgc_models.spec_parser import Minimum


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
    bert_embedding_norm: bool = False
    lyrics_masking: Literal["slots", "tokens"] = "slots"
    lyrics_dropout: Annotated[float, Minimum(0)] = 0.0
    classifier_hidden: Annotated[int, Minimum(0)] = 0
    cavmae_layers: Literal["first", "last", "spread"] = "first"
    lyrics_start: Literal["video", "joint"] = "video"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The input tensors that this model takes, in the order of `modalities`."""
        return tuple({"audio": "audio", "lyrics": "tokens"}[modality] for modality in self.modalities)
