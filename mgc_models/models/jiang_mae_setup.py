"""Before the thesis' model can run: checks of its sizes, its classifier, its random weights."""

from torch import nn

from mgc_models.errors import ModelError
from mgc_models.model_settings.jiang_mae import JiangMaeSettings
from mgc_models.models.jiang_mae_patches import PATCH

_EMBEDDING_STD = 0.02  # of CAV-MAE's modality and mask tokens, and of BERT's embeddings


def classifier(settings: JiangMaeSettings, n_genres: int) -> nn.Sequential:
    """Norm and linear layer from `[B, hidden]` to `[B, C]`, with a hidden layer between if the settings say so."""
    norm = nn.LayerNorm(settings.hidden)
    if not settings.classifier_hidden:
        return nn.Sequential(norm, nn.Linear(settings.hidden, n_genres))
    hidden = nn.Linear(settings.hidden, settings.classifier_hidden)
    return nn.Sequential(norm, hidden, nn.GELU(), nn.Linear(settings.classifier_hidden, n_genres))


def check_sizes(settings: JiangMaeSettings, n_bands: int, vocab_size: int | None) -> None:
    """Raise ModelError where settings and data do not go together."""
    if not settings.modalities or len(set(settings.modalities)) < len(settings.modalities):
        raise ModelError(f"model.modalities = {list(settings.modalities)}: expected audio, lyrics or both, each once")
    for width, heads in (("hidden", "heads"), ("decoder_hidden", "decoder_heads")):
        size, parts = getattr(settings, width), getattr(settings, heads)
        if size % parts or size % 4:
            raise ModelError(f"model.{width} ({size}) must be divisible by 4 and by model.{heads} ({parts})")
    if "audio" in settings.modalities and (n_bands < PATCH or n_bands % PATCH):
        raise ModelError(f"a spectrogram of {n_bands} bands: expected a multiple of {PATCH}")
    if "lyrics" in settings.modalities and not vocab_size:
        raise ModelError("model.name = 'jiang_mae' reads lyrics: expected the vocabulary size of a tokenizer")


def initialise(model: nn.Module) -> None:
    """As CAV-MAE: Xavier for matrices, zero for biases, N(0, 0.02) for embeddings and marks."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=_EMBEDDING_STD)
    for name, parameter in model.named_parameters():
        if "modality" in name or name.endswith(("mask_token", "token_type")):
            nn.init.normal_(parameter, std=_EMBEDDING_STD)
