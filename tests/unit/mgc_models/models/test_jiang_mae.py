"""The thesis' model: its size, its three streams against a slow plain reference, padding, and what is left out."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from mgc_models.config.run import parse_settings
from mgc_models.errors import ModelError
from mgc_models.models.jiang_mae.encoders import Stream
from mgc_models.models.jiang_mae.losses import lyrics_reconstruction_loss
from mgc_models.models.jiang_mae.masking import to_patches, to_spectrogram
from mgc_models.models.jiang_mae.model import JiangMae
from tests.unit.mgc_models.jiang_mae_tiny import BANDS, BOTH, FRAMES, GENRES, PRETRAIN, THESIS, VOCAB, batch, tiny_model


@pytest.mark.parametrize(("encoder", "decoder", "millions"), [(5, 4, 130.41), (11, 8, 228.08), (2, 2, 81.58)])
def test_the_pretraining_model_has_as_many_parameters_as_the_thesis_says(
    encoder: int, decoder: int, millions: float
) -> None:
    with torch.device("meta"):
        model = JiangMae(replace(THESIS, encoder_layers=encoder, decoder_layers=decoder), 0, 128, 30522)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 2) == millions


def test_the_thesis_settings_are_complete_and_build_this_model() -> None:
    base = Path("pipelines/experiments/jiang2024/base/mae.toml")
    settings = tomllib.loads(base.read_text())["settings"]
    for stage in ("pretrain", "finetune"):
        assert parse_settings(settings, stage).model.inputs == ("audio", "tokens")
    own = {name: value for name, value in vars(THESIS).items() if name != "modalities"}
    assert {name: settings["model"][name] for name in own} == own, "every choice stands in the file"


def plain_block(block: torch.nn.Module, stream: str, x: torch.Tensor) -> torch.Tensor:
    """One pre-norm layer on one sequence [S, D] without padding, head by head."""
    attention = block.attention
    query, key, value = attention.qkv(block.norm1[stream](x)).chunk(3, -1)
    width = x.shape[1] // attention.heads
    mixed = []
    for head in range(attention.heads):
        own = slice(head * width, (head + 1) * width)
        weights = (query[:, own] @ key[:, own].T / width**0.5).softmax(-1)
        mixed.append(weights @ value[:, own])
    x = x + attention.out(torch.cat(mixed, -1))
    return x + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2[stream](x))))


def test_each_stream_passes_all_joint_layers_by_itself() -> None:
    model = tiny_model(joint_layers=3)
    audio, lyrics = torch.randn(2, 5, 32), torch.randn(2, 4, 32)
    valid = torch.tensor([[True, True, False, False], [True, True, True, True]])
    pair = Stream("joint", torch.cat((audio, lyrics), 1), torch.cat((torch.ones(2, 5, dtype=torch.bool), valid), 1))
    streams = [pair, Stream("audio", audio, None), Stream("lyrics", lyrics, valid)]
    for stream, result in zip(streams, model.joint(streams), strict=True):
        for track in range(2):
            real = stream.valid[track] if stream.valid is not None else slice(None)
            expected = stream.tokens[track][real]
            for block in model.joint.blocks:
                expected = plain_block(block, stream.name, expected)
            expected = model.joint.norm[stream.name](expected)
            torch.testing.assert_close(result[track][real], expected, rtol=1e-4, atol=1e-5)


def test_classification_is_the_joint_stream_pooled_over_real_tokens() -> None:
    model, (inputs, _, _) = tiny_model(GENRES), batch()
    slots, patches = torch.arange(8), to_patches(inputs["audio"])
    for track, length in enumerate((5, 16, 9)):
        audio = model.audio(patches[track : track + 1], slots, FRAMES // 16)
        real = torch.ones(1, length, dtype=torch.bool)
        lyrics = model.lyrics(inputs["tokens"][track : track + 1, :length], torch.arange(length), length, real)
        (states,) = model.joint([Stream("joint", torch.cat((audio, lyrics), 1), None)])
        expected = model.classifier(states.mean(1))
        torch.testing.assert_close(model(**inputs).logits[track : track + 1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("given", [("audio",), ("tokens", "token_mask"), ("audio", "tokens", "token_mask")])
def test_a_model_of_both_classifies_whatever_it_is_given(given: tuple[str, ...]) -> None:
    model, (inputs, _, _) = tiny_model(GENRES), batch()
    output = model(**{name: inputs[name] for name in given})
    assert output.logits.shape == (3, GENRES)
    assert output.audio_embedding is None
    assert output.text_embedding is None
    stream = {1: "audio", 2: "lyrics", 3: "joint"}[len(given)]
    output.logits.sum().backward()
    touched = {
        name.split(".")[2] for name, p in model.named_parameters() if "joint.norm." in name and p.grad is not None
    }
    assert touched == {stream}


def padded(inputs: dict[str, torch.Tensor], more: int = 0) -> dict[str, torch.Tensor]:
    """The same lyrics with other ids in the padding, and `more` padding."""
    tokens, mask = F.pad(inputs["tokens"], (0, more)), F.pad(inputs["token_mask"], (0, more))
    return {**inputs, "tokens": torch.where(mask, tokens, torch.randint(5, VOCAB, tokens.shape)), "token_mask": mask}


@pytest.mark.parametrize("settings", [{}, {"text_position": "bert_learned", "bert_embedding_norm": True}])
def test_padding_changes_no_prediction(settings: dict) -> None:
    model, (inputs, _, _) = tiny_model(GENRES, **settings), batch()
    expected = model(**inputs).logits
    torch.testing.assert_close(model(**padded(inputs)).logits, expected, rtol=0, atol=0)
    torch.testing.assert_close(model(**padded(inputs, 7)).logits, expected, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing_in_pretraining() -> None:
    model, (inputs, audio_noise, text_noise) = tiny_model(), batch()
    expected = model.pretrain(inputs, audio_noise, text_noise, PRETRAIN)
    for one, two in zip(expected, model.pretrain(padded(inputs), audio_noise, text_noise, PRETRAIN), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    # With 16 slots more, 8 are kept: the 4 of before, and by their noise 4 of the new padding.
    more = torch.cat((text_noise, torch.tensor([[-0.1] * 4 + [1.0] * 12] * 3)), 1)
    longer = model.pretrain(padded(inputs, 16), audio_noise, more, PRETRAIN)
    for one, two in zip(expected, longer, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


def test_losses_are_those_of_a_slow_computation() -> None:
    model, (inputs, audio_noise, text_noise) = tiny_model(), batch()
    settings = replace(PRETRAIN, mask_audio=0.5, mask_lyrics=0.5)
    output = model.pretrain(inputs, audio_noise, text_noise, settings)
    audio_losses, lyrics_sum, count = [], 0.0, 0
    for track, length in enumerate((5, 16, 9)):
        patches, tokens = to_patches(inputs["audio"][track : track + 1]), inputs["tokens"][track : track + 1]
        seen_patches, hidden_patches = audio_noise[track].argsort().split(4)
        seen, hidden = (slots[slots < length] for slots in text_noise[track].argsort().split(8))
        audio = model.audio(patches[:, seen_patches], seen_patches, FRAMES // 16)
        lyrics = model.lyrics(tokens[:, seen], seen, 16, torch.ones(1, len(seen), dtype=torch.bool))
        (states,) = model.joint([Stream("joint", torch.cat((audio, lyrics), 1), None)])
        decoder = model.decoder
        image, line = torch.zeros(1, 8, 16), torch.zeros(1, length, 16)
        image[:], line[:] = decoder.mask_token, decoder.mask_token
        states = decoder.embed(states)
        image[:, seen_patches], line[:, seen] = states[:, :4], states[:, 4:]
        slots = torch.arange(8)
        time, frequency = decoder.positions[slots % 4], decoder.positions[slots // 4]
        image = image + torch.cat((time, frequency), 1) + decoder.modality["audio"]
        row = torch.cat((decoder.positions[:length], decoder.positions[:1].expand(length, -1)), 1)
        x = torch.cat((image, line + row + decoder.modality["lyrics"]), 1)[0]
        for block in decoder.blocks:
            x = plain_block(block, "joint", x)
        x = decoder.norm(x)
        target = patches[0, hidden_patches]
        target = (target - target.mean(1, keepdim=True)) / (target.var(1, keepdim=True) + 1e-6).sqrt()
        audio_losses.append(((decoder.heads["audio"](x[:8][hidden_patches]) - target) ** 2).sum())
        lyrics_sum += F.cross_entropy(decoder.heads["lyrics"](x[8:][hidden]), tokens[0, hidden], reduction="sum")
        count += len(hidden)
    torch.testing.assert_close(output.audio_loss, torch.stack(audio_losses), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.lyrics_loss_sum, lyrics_sum, rtol=1e-4, atol=1e-4)
    assert output.lyrics_count == count
    mean = model.pretrain(inputs, audio_noise, text_noise, replace(settings, audio_reduction="mean"))
    torch.testing.assert_close(mean.audio_loss, output.audio_loss / (4 * 256))


def test_the_lyrics_loss_of_a_uniform_guess_is_the_log_of_the_vocabulary_for_each_real_token() -> None:
    real = torch.tensor([[True, True, False], [False, False, False]])
    loss, count = lyrics_reconstruction_loss(torch.zeros(2, 3, 8), torch.randint(0, 8, (2, 3)), real, "batch")
    torch.testing.assert_close(loss, 2 * torch.tensor(8.0).log())
    assert count == 2


def test_every_song_with_a_masked_word_counts_alike_in_the_lyrics_loss_of_eq_4_13() -> None:
    logits, tokens = torch.randn(3, 4, 8), torch.randint(0, 8, (3, 4))
    real = torch.tensor([[True, False, False, False], [True, True, True, False], [False] * 4])
    own = [F.cross_entropy(logits[song, real[song]], tokens[song, real[song]]) for song in (0, 1)]
    loss, count = lyrics_reconstruction_loss(logits, tokens, real, "song")
    torch.testing.assert_close(loss / count, sum(own) / 2)


@pytest.mark.parametrize(("scale", "words", "positions"), [("words", 32**0.5, 1.0), ("positions", 1.0, 32**-0.5)])
def test_words_and_positions_are_brought_to_like_size(scale: str, words: float, positions: float) -> None:
    plain, scaled = tiny_model(encoder_layers=1).lyrics, tiny_model(encoder_layers=1, text_scale=scale).lyrics
    given = []
    for encoder in (plain, scaled):
        encoder.blocks[0].register_forward_pre_hook(lambda _, rows: given.append(rows[0]))
    tokens = torch.arange(5, 15)[None]
    for encoder in (plain, scaled):
        encoder(tokens, torch.arange(10), 10, torch.ones(1, 10, dtype=torch.bool))
    word, place = plain.words(tokens)[0], given[0] - plain.words(tokens)[0] - plain.modality[0]
    torch.testing.assert_close(given[1], words * word + positions * place + plain.modality[0])


def test_contrast_is_the_mean_of_each_single_stream() -> None:
    model, (inputs, audio_noise, text_noise) = tiny_model(), batch()
    output = model.pretrain(inputs, audio_noise, text_noise, replace(PRETRAIN, mask_audio=0.5, mask_lyrics=0.5))
    for track, length in enumerate((5, 16, 9)):
        patches, seen = to_patches(inputs["audio"][track : track + 1]), audio_noise[track].argsort()[:4]
        (audio,) = model.joint([Stream("audio", model.audio(patches[:, seen], seen, FRAMES // 16), None)])
        torch.testing.assert_close(output.audio_embedding[track], audio.mean(1)[0], rtol=1e-4, atol=1e-5)
        seen = text_noise[track].argsort()[:8]
        seen = seen[seen < length]
        states = model.lyrics(inputs["tokens"][track : track + 1, seen], seen, 16, torch.ones(1, len(seen)).bool())
        (lyrics,) = model.joint([Stream("lyrics", states, None)])
        torch.testing.assert_close(output.text_embedding[track], lyrics.mean(1)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("modalities", "changes", "idle"),
    [
        (BOTH, {}, r"$^"),
        (BOTH, {"contrastive_weight": 0.0}, r"joint\..*(audio|lyrics)"),
        (BOTH, {"reconstruction_weight": 0.0}, r"decoder\.|joint\..*joint"),
        (("audio",), {}, r"$^"),
        (("lyrics",), {}, r"$^"),
    ],
)
def test_a_gradient_reaches_every_parameter_that_takes_part_and_no_other(
    modalities: tuple[str, ...], changes: dict, idle: str
) -> None:
    model, (inputs, audio_noise, text_noise) = tiny_model(modalities=modalities), batch()
    output = model.pretrain(inputs, audio_noise, text_noise, replace(PRETRAIN, **changes))
    sum(value.float().sum() for value in output if value is not None and value.requires_grad).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == bool(re.match(idle, name)), name
        assert parameter.grad is None or parameter.grad.any(), name
    assert (output.audio_embedding is None) == (len(modalities) == 1 or "contrastive_weight" in changes)
    assert (output.audio_loss is None) == ("audio" not in modalities or "reconstruction_weight" in changes)


def test_spectrogram_and_patches_are_each_other_s_inverse() -> None:
    audio = torch.randn(2, FRAMES, BANDS)
    patches = to_patches(audio)
    assert torch.equal(to_spectrogram(patches, BANDS), audio)
    # The second patch of the second row: bands 16 to 31, frames 16 to 31, band by band.
    assert torch.equal(patches[1, FRAMES // 16 + 1], audio[1, 16:32, 16:32].T.flatten())


def test_inpainting_changes_masked_patches_only() -> None:
    model, (inputs, audio_noise, text_noise) = tiny_model(), batch()
    settings = replace(PRETRAIN, norm_pixels=False)
    filled, masked = model.reconstruct(inputs, audio_noise, text_noise, settings)
    assert masked.sum(1).tolist() == [6, 6, 6]
    original = to_patches(inputs["audio"])
    assert torch.equal(filled[~masked], original[~masked])
    loss = model.pretrain(inputs, audio_noise, text_noise, settings).audio_loss
    torch.testing.assert_close(((filled - original) ** 2).sum((1, 2)), loss)
    with pytest.raises(ModelError, match="norm_pixels"):
        model.reconstruct(inputs, audio_noise, text_noise, PRETRAIN)


@pytest.mark.parametrize("masking", ["slots", "tokens"])
def test_lyrics_without_a_token_give_finite_numbers_and_gradients(masking: str) -> None:
    model, (inputs, audio_noise, text_noise) = tiny_model(lyrics_masking=masking), batch()
    inputs["token_mask"] = torch.zeros_like(inputs["token_mask"])
    inputs["token_mask"][1, 3] = True
    output = model.pretrain(inputs, audio_noise, text_noise, PRETRAIN)
    assert output.lyrics_count == 0  # the one token there is stays visible
    assert output.lyrics_loss_sum == 0
    assert not output.text_embedding[0].any()
    assert output.text_embedding[1].any()
    sum(value.float().sum() for value in output if value.requires_grad).backward()
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())
    classifier = tiny_model(GENRES)
    assert classifier(tokens=inputs["tokens"], token_mask=inputs["token_mask"]).logits.isfinite().all()


def test_the_same_seed_gives_the_same_bits_with_deterministic_algorithms_only() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        gradients = []
        for _ in range(2):
            model, (inputs, audio_noise, text_noise) = tiny_model(lyrics_dropout=0.1).train(), batch()
            output = model.pretrain(inputs, audio_noise, text_noise, PRETRAIN)
            sum(value.float().sum() for value in output if value.requires_grad).backward()
            gradients.append([parameter.grad for parameter in model.parameters()])
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (lambda: tiny_model(modalities=("audio", "audio")), "modalities"),
        (lambda: tiny_model(hidden=30), "hidden"),
        (lambda: tiny_model(heads=3), "heads"),
        (lambda: tiny_model().patches(100), "multiple of 16"),
        (lambda: tiny_model()(**batch()[0]), "classifier"),
        (lambda: tiny_model(GENRES)(tokens=None), "without audio and lyrics"),
        (lambda: tiny_model(GENRES, modalities=("audio",))(tokens=batch()[0]["tokens"]), "modalities"),
        (lambda: tiny_model(GENRES).pretrain(*batch(), PRETRAIN), "without decoder"),
        (lambda: tiny_model(decoder_layers=0).pretrain(*batch(), PRETRAIN), "without decoder"),
        (lambda: tiny_model().pretrain(*batch(), replace(PRETRAIN, mask_audio=0.99)), "at least one"),
        (lambda: tiny_model().pretrain(batch()[0], batch()[2], batch()[2], PRETRAIN), "noise"),
        (
            lambda: tiny_model().pretrain(
                *batch(), replace(PRETRAIN, contrastive_weight=0.0, reconstruction_weight=0.0)
            ),
            "no loss",
        ),
    ],
)
def test_what_does_not_go_together_is_named(problem: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        problem()
