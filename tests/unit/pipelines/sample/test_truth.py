"""The planted truth of the sample, seen by the thesis' own model: audio with lyrics beats audio beats lyrics.

A truth of the generator, not a finding: which genres are told by sound, by words or by both is written in genres.toml.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mgc_models.data.shape import DataShape
from mgc_models.evaluation.metrics import score
from mgc_models.features.audio.fbank import fbank
from mgc_models.features.lyrics.tokens import build_wordpiece, encode, special_ids, wordpiece_tokenizer
from mgc_models.models import build_model
from pipelines.sample import planted_genres
from pipelines.sample.audio import waveform
from pipelines.sample.lyrics import lyrics_text
from pipelines.sample.songs import plan_songs
from tests.unit.mgc_models.tiny_models import model_settings

SONGS, TRAINED_ON = 360, 240
FRAMES, TOKENS, STEPS = 64, 64, 250
MODEL = {"name": "jiang_mae", "encoder_layers": 1, "joint_layers": 1, "decoder_layers": 0, "hidden": 32, "heads": 4} | {
    "intermediate": 64, "decoder_hidden": 32, "decoder_heads": 4
}  # fmt: skip


@pytest.fixture(scope="module")
def tensors():
    """Inputs of all songs, and their labels, as sample-profile models get them."""
    songs = plan_songs(0, SONGS)
    audio = [fbank(waveform(song.audio_seed, song.sound_tells, 1.5, 16_000, 1)[:, 0]) for song in songs]
    texts = ["\n".join(dict.fromkeys(lyrics_text(song).splitlines())) for song in songs]
    tokenizer = wordpiece_tokenizer(build_wordpiece(texts, 30_522))
    special = special_ids(tokenizer)
    tokens = [[special.cls, *encode(tokenizer, text)[: TOKENS - 2], special.sep] for text in texts]
    labels = np.array([[genre in song.genres for genre in planted_genres()] for song in songs])
    inputs = {
        "audio": (torch.from_numpy(np.stack(audio)) + 5.081) / 4.4849,
        "tokens": torch.tensor(tokens),
        "token_mask": torch.ones(SONGS, TOKENS, dtype=torch.bool),
    }
    return inputs, labels, tokenizer.get_vocab_size()


def trained_and_tested(tensors, modalities, names):
    inputs, labels, vocabulary = tensors
    torch.manual_seed(0)
    sizes = DataShape(n_genres=labels.shape[1], n_bands=128, vocab_size=vocabulary)
    model = build_model(model_settings({**MODEL, "modalities": modalities}), sizes)
    optimiser = torch.optim.Adam(model.parameters(), 5e-3, (0.95, 0.999))
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [STEPS * 2 // 3], 0.3)
    rng, targets = np.random.default_rng(0), torch.from_numpy(labels).float()
    for _ in range(STEPS):
        rows = torch.from_numpy(rng.choice(TRAINED_ON, 16, replace=False))
        loss = F.binary_cross_entropy_with_logits(model(**batch(inputs, names, rows, rng)).logits, targets[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    model.eval()
    rest = torch.arange(TRAINED_ON, SONGS)
    with torch.no_grad():
        logits = model(**batch(inputs, names, rest, None)).logits
    return score(labels[TRAINED_ON:], logits.numpy(), -1.5).values


def batch(inputs, names, rows, rng):
    chosen = {name: inputs[name][rows] for name in names}
    if "audio" in chosen:
        room = chosen["audio"].shape[1] - FRAMES
        start = room // 2 if rng is None else int(rng.integers(room + 1))
        chosen["audio"] = chosen["audio"][:, start : start + FRAMES]
    return chosen


def test_audio_with_lyrics_beats_audio_beats_lyrics(tensors):
    text = ("tokens", "token_mask")
    both = trained_and_tested(tensors, ("audio", "lyrics"), ("audio", *text))
    audio = trained_and_tested(tensors, ("audio",), ("audio",))
    lyrics = trained_and_tested(tensors, ("lyrics",), text)
    for metric in ("accuracy", "f1", "map"):
        assert lyrics[metric] + 0.05 < audio[metric] < both[metric] - 0.05, (metric, lyrics, audio, both)
