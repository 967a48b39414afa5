"""What a pretraining can learn under a reading of its loss: balance at the start, losses, words in the states."""

from collections.abc import Mapping, Sequence

import torch

from mgc_models.bench.cases import Case
from mgc_models.bench.measure import bench_runtime
from mgc_models.config.models import JiangMaeSettings
from mgc_models.models.jiang_mae.encoders import LyricsEncoder
from mgc_models.models.jiang_mae.model import initialise
from mgc_models.training.balance import DROWNED, LossBalance, first_batch, loss_balance

_SONGS = 64
_SHOWN = ("contrastive_accuracy", "contrastive_loss", "audio_loss", "lyrics_loss")


def balance_of(case: Case, device: torch.device) -> LossBalance:
    """Gradients of the terms of a case's loss on its first batch."""
    with bench_runtime(device, lambda: None, compiled=False) as runtime:
        batch = first_batch(case.task, case.train.batch_size, 0, device)
        return loss_balance(case.model, case.task, batch, runtime)


def word_shares(settings: JiangMaeSettings, vocab_size: int, tokens: int) -> dict[str, float]:
    """How much of the lyrics encoder's states is the words, at its start.

    Songs of random words differ at a slot by their words alone, and slots in their mean over songs by their positions
    alone. So the share of the words is the variance between songs within a slot over the whole variance.

    Args:
        settings: Of the model.
        vocab_size: Of the tokenizer.
        tokens: Of a song.

    Returns:
        `input`: of what the first layer is given; `first_layer`: of what it gives.
    """
    torch.manual_seed(0)
    encoder = LyricsEncoder(settings, vocab_size).eval()
    initialise(encoder)
    states: dict[str, torch.Tensor] = {}
    encoder.blocks[0].register_forward_pre_hook(lambda _, rows: states.update(input=rows[0]))
    encoder.blocks[0].register_forward_hook(lambda _, _rows, rows: states.update(first_layer=rows))
    words = torch.randint(0, vocab_size, (_SONGS, tokens))
    with torch.no_grad():
        encoder(words, torch.arange(tokens), tokens, torch.ones_like(words, dtype=torch.bool))
    shares = {}
    for place, rows in states.items():
        songs = rows.view(_SONGS, tokens, -1)
        shares[place] = float(songs.var(0, correction=0).mean() / songs.var((0, 1), correction=0).mean())
    return shares


def balance_text(reading: str, balance: LossBalance) -> str:
    """A reading's balance for a terminal."""
    shares = ", ".join(f"{name} {share:.2e}" for name, share in balance.shares.items())
    cosines = ", ".join(f"{pair}: {cosine:+.2f}" for pair, cosine in balance.cosines.items())
    lines = [f"{reading}: share of the gradient norm: {shares}", f"  cosines: {cosines}"]
    return "\n".join([*lines, *(f"  {name} is under {DROWNED:g}: hardly learnt" for name in balance.drowned)])


def rehearsal_text(reading: str, epochs: Sequence[Mapping[str, float]], steps: int) -> str:
    """Losses over time for a terminal."""
    names = [name for name in _SHOWN if name in epochs[0]]
    header = "steps".rjust(6) + "".join(name.rjust(22) for name in names)
    rows = [
        f"{number * steps:6d}" + "".join(f"{epoch[name]:22.4g}" for name in names)
        for number, epoch in enumerate(epochs, 1)
    ]
    chance = epochs[-1].get("contrastive_chance")
    about = reading if chance is None else f"{reading} (chance {chance:.3f})"
    return "\n".join([about, header, *rows])
