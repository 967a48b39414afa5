"""The model of Ru et al. 2023 (ICASSP): aligned audio and lyrics, two cross-modal attentions, correlated genres.

The body of the paper could not be read. Its project page names the parts; how they are built is a setting each, with
its reason in docs/decisions/ru2023.md.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from mgc_models.config.models import RuMgcSettings
from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.bert import hidden_states, lyrics_encoder
from mgc_models.models.common import ModelOutput, masked_mean, required_audio
from mgc_models.models.cross_attention import SymmetricCrossAttention
from mgc_models.models.genre_gcn import GenreGCN, GraphClassifier, LabelAttention
from mgc_models.models.resnet import SMALLEST_SIDE, ResNet


class RuMgc(nn.Module):
    """Three modules after the source: representation, fusion, genre correlations.

    Two switches of its ablation are settings here: without `scma` the pooled modalities are concatenated as they are,
    without `gcem` the classifier is a linear layer. The third, the audio-lyrics loss, is a weight of the loss; the
    heads that lead to its space are always there.

    Args:
        settings: Sizes and switches.
        shape: What the data say: genres, vocabulary, and with `gcem` the genres' graph.

    Attributes:
        pretrained_encoder: Name of the part that starts from published weights, for a learning rate of its own.
        bert: The lyrics encoder.
        starts: What the genres' nodes are, to be said beside how the weights begin.

    Raises:
        ModelError: if sizes do not go together, or the data lack the tokenizer or the graph.
    """

    pretrained_encoder: ClassVar[str] = "bert"

    def __init__(self, settings: RuMgcSettings, shape: DataShape) -> None:
        super().__init__()
        width = settings.width
        # What a switch takes away is drawn last: with one seed the parts that two ablation rows share start alike.
        self.resnet = ResNet(settings.audio_channels, settings.audio_blocks)
        self.bert = lyrics_encoder(settings, shape)
        self.audio_projection = nn.Linear(self.resnet.out_channels, width)
        self.text_projection = nn.Identity() if settings.hidden == width else nn.Linear(settings.hidden, width)
        self.audio_head = nn.Linear(width, settings.contrastive_width)
        self.text_head = nn.Linear(width, settings.contrastive_width)
        self.text_pooling = settings.text_pooling
        self.classifier: nn.Linear | GraphClassifier | LabelAttention
        self.starts: dict[str, str] = {}
        if settings.gcem:
            self.classifier = _genre_correlations(settings, shape)
            self.starts["node_features"] = self.classifier.gcn.node_kind
        else:
            self.classifier = nn.Linear(2 * width, shape.n_genres)
        self.scma = _fusion(settings) if settings.scma else None
        self.mlp = _mlp(settings) if settings.fusion_mlp and not settings.scma else None
        self.fused_pooling = settings.fused_pooling

    def forward(self, audio: Tensor | None, tokens: Tensor | None, token_mask: Tensor | None) -> ModelOutput:
        """Classify pairs of spectrogram and lyrics.

        Args:
            audio: `[B, T, bands]`, normalised; T and bands at least 33.
            tokens: `[B, L]` int64, [CLS] first, at most 512.
            token_mask: `[B, L]` bool, true for real tokens; the others change nothing. [CLS] counts as one in any case,
                so that a track without lyrics has something to be read.

        Returns:
            Logits `[B, C]`, and the vectors that the audio-lyrics loss aligns, `[B, contrastive_width]` each, taken
            before the fusion.

        Raises:
            ModelError: if an input is missing or does not fit.
        """
        image = required_audio(audio, SMALLEST_SIDE).transpose(1, 2).unsqueeze(1)
        heard = self.audio_projection(self.resnet(image).mean(2).transpose(1, 2))
        states, mask = hidden_states(self.bert, tokens, token_mask)
        mask = torch.cat((torch.ones_like(mask[:, :1]), mask[:, 1:]), 1)
        read = self.text_projection(states)
        pooled_audio = heard.mean(1)
        pooled_text = _pooled(read, mask, self.text_pooling)
        embeddings = self.audio_head(pooled_audio), self.text_head(pooled_text)
        if self.scma is not None:
            heard, read = self.scma(heard, read, mask)
            pooled_audio, pooled_text = heard.mean(1), _pooled(read, mask, self.fused_pooling)
        if isinstance(self.classifier, LabelAttention):
            joint_mask = torch.cat((mask.new_ones(heard.shape[:2]), mask), 1)
            return ModelOutput(self.classifier(torch.cat((heard, read), 1), joint_mask), *embeddings)
        fused = torch.cat((pooled_audio, pooled_text), 1)
        fused = fused if self.mlp is None else fused + self.mlp(fused)
        return ModelOutput(self.classifier(fused), *embeddings)


def _pooled(states: Tensor, mask: Tensor, pooling: str) -> Tensor:
    return states[:, 0] if pooling == "cls" else masked_mean(states, mask)


def _fusion(settings: RuMgcSettings) -> SymmetricCrossAttention:
    return SymmetricCrossAttention(
        settings.fusion_layers, settings.width, settings.fusion_heads, settings.fusion_intermediate, settings.dropout
    )


def _mlp(settings: RuMgcSettings) -> nn.Sequential:
    """One hidden layer on the concatenated vectors, with as many weights as SCMA has (biases and norms aside).

    A direction has 4 width^2 in its attention and 2 width intermediate in its feed-forward part, and there are two; the
    MLP has 4 width hidden.
    """
    hidden = settings.fusion_layers * (2 * settings.width + settings.fusion_intermediate)
    wide = 2 * settings.width
    return nn.Sequential(nn.Linear(wide, hidden), nn.GELU(), nn.Dropout(settings.dropout), nn.Linear(hidden, wide))


def _genre_correlations(settings: RuMgcSettings, shape: DataShape) -> GraphClassifier | LabelAttention:
    graph = shape.genre_graph
    if graph is None:
        raise ModelError("model.gcem = true: expected the genres' correlation in the training inputs, found none")
    attends = settings.gcn_output == "label_attention"
    gcn = GenreGCN(
        graph,
        settings.node_features,
        hidden=settings.gcn_hidden,
        out_width=settings.width * (1 if attends else 2),
        slope=settings.gcn_slope,
        start=settings.gcn_start,
    )
    return LabelAttention(gcn, settings.width, shape.n_genres) if attends else GraphClassifier(gcn)
