"""CAV-MAE and BERT into the thesis' model: every tensor lands where it belongs, and what differs is named."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM

from mgc_models.models.jiang_mae.masking import to_patches
from mgc_models.models.jiang_mae.model import JiangMae
from mgc_models.models.jiang_mae.transformer import segment
from mgc_models.pretrained.load import WeightsError, load_pretrained
from tests.unit.mgc_models.jiang_mae_tiny import GENRES, PRETRAIN, THESIS, VOCAB, batch, tiny_model
from tests.unit.mgc_models.published_weights import full_size, kept_layers, on_no_device, published, random_tensors

WIDTH, INTERMEDIATE, DECODER = 32, 64, 16


def tiny_file(name: str = "cav-mae", depth: int = 5) -> dict[str, Tensor]:
    """A released file with smaller widths, fewer blocks and fewer classes; positions and patches as they are."""
    shapes = {key.removeprefix("module."): shape for key, shape in published(name).items()}
    for blocks in ("blocks_a", "blocks_v"):
        shapes = kept_layers(shapes, blocks, range(depth))
    shapes = kept_layers(shapes, "decoder_blocks", range(3))
    return random_tensors({key: _smaller(key, shape) for key, shape in shapes.items()}, seed=5)


def _smaller(key: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    encoder = {768: WIDTH, 3 * 768: 3 * WIDTH, 4 * 768: INTERMEDIATE}
    decoder = {512: DECODER, 3 * 512: 3 * DECODER, 4 * 512: 2 * DECODER, 768: WIDTH}
    sizes = decoder if key.startswith(("decoder_", "mask_token")) else encoder
    kept = {"decoder_pred": 0, "decoder_pos_embed": 1}.get(re.sub(r"_[av](\..*)?$", "", key))
    return tuple(side if place == kept else sizes.get(side, side) for place, side in enumerate(shape))


def saved(folder: Path, state: dict[str, Tensor]) -> str:
    torch.save({f"module.{key}": value for key, value in state.items()}, folder / "audio_model.pth")
    return str(folder / "audio_model.pth")


def test_every_part_lands_where_it_belongs(tmp_path: Path) -> None:
    model, state = tiny_model(), tiny_file()
    init = load_pretrained(model, {"cavmae": saved(tmp_path, state), "bert": None})
    assert init.startswith("cavmae=audio_model.pth(sha256:")
    assert init.endswith(" bert=random")
    pairs = {
        "audio.embed.bias": "patch_embed_a.proj.bias",
        "audio.modality": "modality_a",
        "lyrics.modality": "modality_v",
        "audio.blocks.1.norm1.audio.weight": "blocks_a.1.norm1.weight",
        "audio.blocks.1.attention.qkv.weight": "blocks_a.1.attn.qkv.weight",
        "joint.blocks.0.mlp.fc2.bias": "blocks_u.0.mlp.fc2.bias",
        "joint.blocks.0.norm2.joint.bias": "blocks_u.0.norm2.bias",
        "joint.blocks.0.norm1.audio.weight": "blocks_u.0.norm1_a.weight",
        "joint.blocks.0.norm2.lyrics.weight": "blocks_u.0.norm2_v.weight",
        "joint.norm.joint.weight": "norm.weight",
        "joint.norm.lyrics.bias": "norm_v.bias",
        "decoder.mask_token": "mask_token",
        "decoder.modality.audio": "decoder_modality_a",
        "decoder.blocks.1.attention.out.weight": "decoder_blocks.1.attn.proj.weight",
        "decoder.heads.audio.weight": "decoder_pred_a.weight",
    }
    own = model.state_dict()
    for name, theirs in pairs.items():
        torch.testing.assert_close(own[name], state[theirs], rtol=0, atol=0)
    # The linear layer on patches is the published convolution.
    spectrogram = batch()[0]["audio"]
    expected = torch.nn.functional.conv2d(
        spectrogram.transpose(1, 2)[:, None], state["patch_embed_a.proj.weight"], own["audio.embed.bias"], stride=16
    )
    embedded = model.audio.embed(to_patches(spectrogram))
    torch.testing.assert_close(embedded, expected.flatten(2).transpose(1, 2), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("file", "start"),
    [("audio_model.21.pth", "CAV-MAE-Scale++:audio_model.21.pth("), ("mine.pth", "mine.pth(")],
)
def test_the_record_names_the_published_checkpoint(tmp_path: Path, file: str, start: str) -> None:
    Path(saved(tmp_path, tiny_file())).rename(tmp_path / file)
    assert load_pretrained(tiny_model(), {"cavmae": str(tmp_path / file)}).startswith(f"cavmae={start}")


def test_a_file_without_standardised_patches_goes_first(tmp_path: Path) -> None:
    Path(saved(tmp_path, tiny_file())).rename(tmp_path / "plain.pth")
    sources = {"cavmae": None, "cavmae_nonorm": str(tmp_path / "plain.pth")}
    assert load_pretrained(tiny_model(), sources).startswith("cavmae=plain.pth(")


@on_no_device
@pytest.mark.parametrize("genres", [0, GENRES])
@pytest.mark.parametrize("name", ["cav-mae", "cav-mae-fine-tuned"])
def test_the_published_files_fit_the_thesis_model(tmp_path: Path, name: str, genres: int) -> None:
    """Of full size, on a device that holds no numbers."""
    audio_visual = full_size(published(name), tmp_path / "audio_model.pth")
    folder = tmp_path / "bert"
    BertConfig().save_pretrained(folder)
    full_size(published("bert-base-uncased"), folder / "pytorch_model.bin")
    with torch.device("meta"):
        model = JiangMae(THESIS, genres, 128, 30522)
    assert "random" not in load_pretrained(model, {"cavmae": str(audio_visual), "bert": str(folder)})


def test_what_no_file_has_stays_as_it_was(tmp_path: Path) -> None:
    model = tiny_model()  # two joint layers, where the file has one
    before = {name: value.clone() for name, value in model.state_dict().items()}
    load_pretrained(model, {"cavmae": saved(tmp_path, tiny_file())})
    same = {name for name, value in model.state_dict().items() if torch.equal(value, before[name])}
    ours = ("lyrics.words", "lyrics.blocks", "joint.blocks.1", "decoder.heads.lyrics", "decoder.modality.lyrics")
    assert same == {name for name in before if name.startswith(ours)}


@pytest.mark.parametrize(("which", "layers"), [("first", (0, 1)), ("last", (3, 4)), ("spread", (0, 4))])
def test_a_setting_says_which_layers_are_taken(tmp_path: Path, which: str, layers: tuple[int, int]) -> None:
    model, state = tiny_model(GENRES, cavmae_layers=which, lyrics_start="joint"), tiny_file()
    load_pretrained(model, {"cavmae": saved(tmp_path, state)})
    for number, theirs in enumerate(layers):
        assert torch.equal(model.audio.blocks[number].mlp.fc1.weight, state[f"blocks_a.{theirs}.mlp.fc1.weight"])
    assert torch.equal(model.joint.norm["lyrics"].weight, state["norm.weight"])
    assert not torch.equal(model.lyrics.modality, state["modality_v"])


@pytest.mark.parametrize("modalities", [("audio", "lyrics"), ("audio",), ("lyrics",)])
@pytest.mark.parametrize("genres", [0, GENRES])
def test_pretrained_and_fine_tuned_files_feed_every_form_of_the_model(
    tmp_path: Path, modalities: tuple[str, ...], genres: int
) -> None:
    for state in (tiny_file(), tiny_file("cav-mae-fine-tuned")):
        model = tiny_model(genres, modalities=modalities)
        assert load_pretrained(model, {"cavmae": saved(tmp_path, state)}).startswith("cavmae=audio_model.pth(")
        assert torch.equal(model.joint.blocks[0].mlp.fc1.weight, state["blocks_u.0.mlp.fc1.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("blocks_a.1.attn.qkv.weight"), "missing in the file: blocks_a.1.attn.qkv.weight"),
        (lambda state: state.pop("decoder_pred_a.bias"), "missing in the file: decoder_pred_a.bias"),
        (lambda state: state.update(extra=torch.zeros(1)), "not in the model: extra"),
        (lambda state: state.update({"blocks_a.0.attn.q_norm.weight": torch.zeros(1)}), "q_norm"),
        (lambda state: state.update({"norm_a.weight": torch.zeros(7)}), r"joint.norm.audio.weight: model \[32\]"),
    ],
)
def test_a_difference_stops_the_run_and_copies_nothing(tmp_path: Path, change: object, message: str) -> None:
    model, state = tiny_model(), tiny_file()
    change(state)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match=message):
        load_pretrained(model, {"cavmae": saved(tmp_path, state)})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_too_few_layers_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="2 layers where the file has 1"):
        load_pretrained(tiny_model(), {"cavmae": saved(tmp_path, tiny_file(depth=1))})


@pytest.fixture
def bert(tmp_path: Path) -> tuple[str, BertForMaskedLM]:
    config = BertConfig(
        hidden_size=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=INTERMEDIATE,
        vocab_size=VOCAB,
        attn_implementation="eager",
    )
    torch.manual_seed(6)
    network = BertForMaskedLM(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    folder = tmp_path / "bert-tiny"
    config.save_pretrained(folder)
    state = {key: value.clone() for key, value in network.state_dict().items()}
    save_file(state | {"bert.pooler.dense.weight": torch.zeros(WIDTH, WIDTH)}, folder / "model.safetensors")
    return str(folder), network


def test_the_lyrics_encoder_computes_what_bert_s_first_layers_compute(bert: tuple) -> None:
    """With BERT's own embeddings, the whole encoder; the modality embedding, which BERT has not, is set to zero."""
    model = tiny_model(text_position="bert_learned", bert_embedding_norm=True)
    assert load_pretrained(model, {"bert": bert[0]}).startswith("cavmae=random bert=bert-tiny(sha256:")
    model.lyrics.modality.data.zero_()
    inputs = batch()[0]
    tokens, mask = inputs["tokens"], inputs["token_mask"]
    states = bert[1].bert(tokens, attention_mask=mask.long(), output_hidden_states=True).hidden_states[2]
    own = model.lyrics(tokens, torch.arange(tokens.shape[1]), tokens.shape[1], mask)
    torch.testing.assert_close(own[mask], states[mask], rtol=1e-5, atol=1e-5)


def test_one_of_bert_s_layers_and_ours_agree(bert: tuple) -> None:
    model = tiny_model()
    load_pretrained(model, {"bert": bert[0]})
    assert torch.equal(model.lyrics.words.weight, bert[1].bert.embeddings.word_embeddings.weight)
    states, valid = torch.randn(2, 6, WIDTH), torch.arange(6) < torch.tensor([[4], [6]])
    bias = torch.zeros(2, 1, 1, 6).masked_fill(~valid[:, None, None], torch.finfo(torch.float32).min)
    expected = bert[1].bert.encoder.layer[1](states, attention_mask=bias)
    expected = expected[0] if isinstance(expected, tuple) else expected
    own = model.lyrics.blocks[1](states.flatten(0, 1), [segment("lyrics", states, valid)]).view_as(states)
    torch.testing.assert_close(own[valid], expected[valid], rtol=1e-5, atol=1e-5)


def test_both_sources_together_leave_a_model_that_learns(tmp_path: Path, bert: tuple) -> None:
    model = tiny_model()
    init = load_pretrained(model, {"bert": bert[0], "cavmae": saved(tmp_path, tiny_file())})
    assert "random" not in init
    assert model.pretrain(*batch(), PRETRAIN).audio_loss.isfinite().all()


def test_a_model_without_lyrics_takes_no_bert(bert: tuple) -> None:
    assert load_pretrained(tiny_model(modalities=("audio",)), {"bert": bert[0]}) == "random"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 2}, "heads: settings 2, checkpoint 4"),
        ({"encoder_layers": 4}, "missing in the file: encoder.layer.3"),
    ],
)
def test_a_bert_of_another_size_is_refused(bert: tuple, changes: dict, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        load_pretrained(tiny_model(**changes), {"bert": bert[0]})
