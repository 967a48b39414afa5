"""BERT on the lyrics (Devlin et al. 2019; the thesis' lyrics baseline, section 5.3)."""

from typing import ClassVar

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from mgc_models.config.models import AlnetSettings, BertSettings, RuMgcSettings
from mgc_models.data.shape import DataShape
from mgc_models.errors import ModelError
from mgc_models.models.common import ModelOutput, required_text


def bert_encoder(*, layers: int, hidden: int, heads: int, intermediate: int, vocab_size: int) -> BertModel:
    """BERT without its pooler, randomly initialised, with torch's scaled dot product attention.

    Raises:
        ModelError: if `hidden` is not a multiple of `heads`.
    """
    if hidden % heads:
        raise ModelError(f"model.hidden ({hidden}) must be divisible by model.heads ({heads})")
    config = BertConfig(
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        vocab_size=vocab_size,
        attn_implementation="sdpa",  # type: ignore[call-arg] # taken by the base class's **kwargs
    )
    return BertModel(config, add_pooling_layer=False)


def lyrics_encoder(settings: BertSettings | AlnetSettings | RuMgcSettings, shape: DataShape) -> BertModel:
    """Build the lyrics encoder of a model, for the tokenizer of the data.

    Raises:
        ModelError: as `bert_encoder`, and if the data have no tokenizer.
    """
    if shape.vocab_size is None:
        raise ModelError(f"model.name = {settings.name!r} reads lyrics: expected the vocabulary size of a tokenizer")
    return bert_encoder(
        layers=settings.layers,
        hidden=settings.hidden,
        heads=settings.heads,
        intermediate=settings.intermediate,
        vocab_size=shape.vocab_size,
    )


def hidden_states(bert: BertModel, tokens: Tensor | None, token_mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """States `[B, L, hidden]` of the last layer, and the mask `[B, L]` that they belong to.

    Raises:
        ModelError: if tokens or mask are missing, differ in shape, or exceed BERT's positions.
    """
    tokens, token_mask = required_text(tokens, token_mask, bert.config.max_position_embeddings)
    return bert(input_ids=tokens, attention_mask=token_mask.long()).last_hidden_state, token_mask


class Bert(nn.Module):
    """The state of [CLS], which the caller puts first, through a linear layer."""

    pretrained_encoder: ClassVar[str] = "bert"
    new_head: ClassVar[str] = "classifier"

    def __init__(self, n_genres: int, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert
        self.dropout = nn.Dropout(bert.config.hidden_dropout_prob)
        self.classifier = nn.Linear(bert.config.hidden_size, n_genres)

    def forward(self, tokens: Tensor | None = None, token_mask: Tensor | None = None) -> ModelOutput:
        """Classify lyrics.

        Args:
            tokens: `[B, L]` int64, [CLS] first, at most 512.
            token_mask: `[B, L]` bool, true for real tokens; padding is ignored.

        Raises:
            ModelError: if tokens or mask are missing or do not fit.
        """
        states, _ = hidden_states(self.bert, tokens, token_mask)
        return ModelOutput(self.classifier(self.dropout(states[:, 0])), text_embedding=states[:, 0])
