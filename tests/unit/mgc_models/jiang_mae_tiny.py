"""A tiny model of the thesis' kind, a batch, and `[pretrain]` settings."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from mgc_models.config.models import JiangMaeSettings
from mgc_models.config.sections import PretrainSettings
from mgc_models.models.jiang_mae.model import JiangMae
from warehouse.parsing import parse

VOCAB, GENRES, TOKENS, FRAMES = 60, 6, 16, 64
BANDS = 32
BOTH = ("audio", "lyrics")
TINY = JiangMaeSettings(
    name="jiang_mae",
    modalities=BOTH,
    encoder_layers=2,
    joint_layers=2,
    decoder_layers=2,
    hidden=32,
    heads=4,
    intermediate=64,
    decoder_hidden=16,
    decoder_heads=2,
)
THESIS = replace(
    TINY, encoder_layers=5, joint_layers=1, decoder_layers=4, hidden=768, heads=12, intermediate=3072,
    decoder_hidden=512, decoder_heads=16, text_scale="words",
)  # fmt: skip


PRETRAIN = PretrainSettings(epochs=1, batch_size=3, learning_rate=1e-3, betas=(0.9, 0.999), weight_decay=0.0)


def tiny_model(genres: int = 0, seed: int = 0, **changes: Any) -> JiangMae:
    """Biases and norms are moved away from 0 and 1, where mistakes in them would not show."""
    settings = parse(JiangMaeSettings, {**vars(TINY), **changes}, "model")
    torch.manual_seed(seed)
    model = JiangMae(settings, genres, BANDS, VOCAB if "lyrics" in settings.modalities else None)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def batch(size: int = 3) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Inputs, and noise for patches and for tokens; the first lyrics are short, the second fill all slots."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([5, TOKENS, 9, 2])[:size]
    inputs = {
        "audio": torch.randn(size, FRAMES, BANDS, generator=generator),
        "tokens": torch.randint(5, VOCAB, (size, TOKENS), generator=generator),
        "token_mask": torch.arange(TOKENS) < lengths[:, None],
    }
    patches = FRAMES * BANDS // 256
    noise = torch.rand(size, patches, generator=generator), torch.rand(size, TOKENS, generator=generator)
    return inputs, *noise
