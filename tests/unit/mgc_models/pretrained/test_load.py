"""Published weights: every key and shape is accounted for, or nothing is loaded and the message says what is wrong."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import BertConfig

from mgc_models.data.shape import DataShape
from mgc_models.models import build_model
from mgc_models.pretrained.hub import bert_folder
from mgc_models.pretrained.load import WeightsError, load_checked, load_pretrained, read_state
from tests.unit.mgc_models.published_weights import full_size, kept_layers, on_no_device, published, random_tensors
from tests.unit.mgc_models.tiny_models import model_settings

INCEPTION = {"name": "inception_v4", "width": 0.125, "blocks": [1, 1, 1]}
BERT = {"name": "bert", "layers": 2, "hidden": 32, "heads": 2, "intermediate": 64}
FUSION = {"fusion_width": 32, "fusion_heads": 2, "fusion_intermediate": 64, "dropout": 0.1}
ALNET = {**INCEPTION, **BERT, **FUSION, "name": "alnet"}
VOCAB = 90
SIZES = DataShape(5, n_bands=128, vocab_size=VOCAB)


@pytest.fixture
def timm_file(tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """timm's file with one block of each kind, and an eighth of the channels."""
    shapes = kept_layers(published("inception_v4.tf_in1k"), "features", (*range(7), 10, 11, 18, 19))
    state = random_tensors({key: eighth(shape) for key, shape in shapes.items()}, seed=3)
    save_file(state, tmp_path / "inception_v4.safetensors")
    return tmp_path / "inception_v4.safetensors", state


def eighth(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels divided by eight; colours, classes and kernels as they are."""
    return tuple(side // 8 if side % 8 == 0 and side != 1000 else side for side in shape)


@pytest.fixture
def bert_checkpoint(tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """A folder such as the hub's bert-base-uncased, with smaller sizes; and what it holds by today's names."""
    shapes = kept_layers(published("bert-base-uncased"), "bert.encoder.layer", (0, 1))
    sizes = {768: 32, 3072: 64, 30522: VOCAB}
    state = random_tensors({key: tuple(sizes.get(side, side) for side in shape) for key, shape in shapes.items()}, 3)
    folder = tmp_path / "bert-tiny"
    BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, vocab_size=VOCAB
    ).save_pretrained(folder)
    save_file(state, folder / "model.safetensors")
    renamed = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
    for old, new in renamed.items():
        state = {key.replace(old, new): value for key, value in state.items()}
    return folder, state


def assert_inception(features: torch.nn.Module, published: dict[str, torch.Tensor]) -> None:
    own = features.state_dict()
    torch.testing.assert_close(own.pop("0.conv.weight"), published["features.0.conv.weight"].sum(1, keepdim=True))
    for name, value in own.items():
        torch.testing.assert_close(value, published[f"features.{name}"], rtol=0, atol=0)


def assert_bert(bert: torch.nn.Module, published: dict[str, torch.Tensor]) -> None:
    for name, value in bert.state_dict().items():
        torch.testing.assert_close(value, published[f"bert.{name}"], rtol=0, atol=0)


@on_no_device
@pytest.mark.parametrize("position_ids", [False, True])
def test_the_published_files_fit_the_models_of_full_size(tmp_path: Path, *, position_ids: bool) -> None:
    """On a device that holds no numbers. Files of transformers 3 to 4.30 have `position_ids` too."""
    features = full_size(published("inception_v4.tf_in1k"), tmp_path / "inception_v4.pth")
    folder = tmp_path / "bert"
    BertConfig().save_pretrained(folder)
    shapes = published("bert-base-uncased") | ({"bert.embeddings.position_ids": (1, 512)} if position_ids else {})
    full_size(shapes, folder / "pytorch_model.bin")
    size = {"width": 1.0, "blocks": [4, 7, 3], "layers": 12, "hidden": 768, "heads": 12, "intermediate": 3072}
    with torch.device("meta"):
        model = build_model(model_settings({**ALNET, **size}), DataShape(50, n_bands=128, vocab_size=30522))
    init = load_pretrained(model, {"bert": str(folder), "inception_v4": str(features)})
    assert "random" not in init


def test_without_sources_the_model_stays_random() -> None:
    model = build_model(model_settings(ALNET), SIZES)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert load_pretrained(model, {}) == "random"
    assert load_pretrained(model, {"bert": None, "inception_v4": None}) == "random"
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_alnet_takes_both_and_says_so(timm_file: tuple, bert_checkpoint: tuple) -> None:
    model = build_model(model_settings(ALNET), SIZES)
    init = load_pretrained(model, {"bert": str(bert_checkpoint[0]), "inception_v4": str(timm_file[0])})
    assert_inception(model.features, timm_file[1])
    assert_bert(model.bert, bert_checkpoint[1])
    first, second = init.split()
    assert first.startswith("bert=bert-tiny(sha256:")
    assert second.startswith("inception_v4=inception_v4.safetensors(sha256:")
    assert str(bert_checkpoint[0].parent) not in init, "a result must not depend on where the weights lie"


def test_each_model_takes_only_its_own_part(timm_file: tuple, bert_checkpoint: tuple) -> None:
    sources = {"bert": str(bert_checkpoint[0]), "inception_v4": str(timm_file[0])}
    assert "bert" not in load_pretrained(build_model(model_settings(INCEPTION), SIZES), sources)
    assert "inception" not in load_pretrained(build_model(model_settings(BERT), SIZES), sources)
    init = load_pretrained(build_model(model_settings(ALNET), SIZES), {"bert": sources["bert"]})
    assert init.endswith("inception_v4=random")


@pytest.mark.parametrize("layout", ["plain", "module. prefix", "state_dict entry", "without batch counters"])
def test_pickled_files_load_in_every_layout_they_are_published_in(
    tmp_path: Path, timm_file: tuple, layout: str
) -> None:
    state = timm_file[1]
    content: dict = dict(state)
    if layout == "module. prefix":
        content = {f"module.{name}": value for name, value in state.items()}
    elif layout == "state_dict entry":
        content = {"epoch": 3, "state_dict": state}
    elif layout == "without batch counters":
        content = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(content, tmp_path / "weights.pth")
    model = build_model(model_settings(INCEPTION), SIZES)
    load_pretrained(model, {"inception_v4": str(tmp_path / "weights.pth")})
    torch.testing.assert_close(model.features[2].bn.running_var, state["features.2.bn.running_var"])


def test_every_difference_is_listed_and_nothing_is_copied() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = {
        "0.weight": torch.zeros(3, 2),
        "0.bias": torch.zeros(2),
        "1.weight": torch.zeros(2, 2),
        "2.bias": torch.zeros(1),
    }
    with pytest.raises(WeightsError) as caught:
        load_checked(module, state, {"0.bias"}, {"head.bias"})
    assert str(caught.value).splitlines() == [
        "5 differences between model and weights:",
        "  missing in the file: 1.bias",
        "  not in the model: 2.bias",
        "  expected to be missing, but in the file: 0.bias",
        "  expected to be left over, but absent or used: head.bias",
        "  shape of 0.weight: model [2, 3], file [3, 2]",
    ]
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_other_sizes_than_the_published_ones_are_named(timm_file: tuple, bert_checkpoint: tuple) -> None:
    with pytest.raises(WeightsError, match=r"MGC_INCEPTION_V4 .* model.width = 1.0(.|\n)*shape of 0.bn.bias"):
        load_pretrained(
            build_model(model_settings({**INCEPTION, "width": 0.25}), SIZES), {"inception_v4": str(timm_file[0])}
        )
    with pytest.raises(WeightsError, match=r"layers: settings 3, checkpoint 2.*vocabulary: settings 91, checkpoint 90"):
        load_pretrained(
            build_model(model_settings({**BERT, "layers": 3}), DataShape(5, vocab_size=VOCAB + 1)),
            {"bert": str(bert_checkpoint[0])},
        )


def test_a_bert_of_another_kind_or_with_a_missing_tensor_is_refused(bert_checkpoint: tuple) -> None:
    folder, _ = bert_checkpoint
    state = read_state(folder / "model.safetensors")
    del state["bert.encoder.layer.1.output.dense.bias"]
    save_file(state, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=r"missing in the file: encoder.layer.1.output.dense.bias"):
        load_pretrained(build_model(model_settings(BERT), SIZES), {"bert": str(folder)})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "roberta"}))
    with pytest.raises(WeightsError, match="type 'roberta'; MGC_BERT expects 'bert'"):
        load_pretrained(build_model(model_settings(BERT), SIZES), {"bert": str(folder)})
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="not JSON"):
        load_pretrained(build_model(model_settings(BERT), SIZES), {"bert": str(folder)})


class Payload:
    """Stands for the code that a hostile pickle would run."""

    def __reduce__(self) -> tuple:
        return (print, ("this must not run",))


def test_damaged_and_hostile_files_are_named(tmp_path: Path, timm_file: tuple, capsys: pytest.CaptureFixture) -> None:
    torch.save({"weight": Payload()}, tmp_path / "hostile.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "junk.pth").write_bytes(b"junk" * 100)
    (tmp_path / "empty.bin").write_bytes(b"")
    (tmp_path / "cut.safetensors").write_bytes(timm_file[0].read_bytes()[:5000])
    for name in ("hostile.pth", "junk.pth", "empty.bin", "cut.safetensors"):
        with pytest.raises(WeightsError, match=f"{name}: damaged, or no file of weights"):
            read_state(tmp_path / name)
    with pytest.raises(WeightsError, match="expected a mapping of names to tensors, found list"):
        read_state(tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no such file"):
        read_state(tmp_path / "absent.pth")
    assert "must not run" not in capsys.readouterr().out


def test_a_bert_that_cannot_be_reached_names_the_variable_and_the_alternative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for source in ("nobody/no-such-bert", str(tmp_path / "absent")):
        with pytest.raises(WeightsError, match=r"MGC_BERT = .*HF_HUB_OFFLINE is set.*local folder with config.json"):
            bert_folder(source)
    with pytest.raises(WeightsError, match=r"has no config.json"):
        bert_folder(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": VOCAB}))
    with pytest.raises(WeightsError, match="sizes differ"):
        load_pretrained(build_model(model_settings(BERT), SIZES), {"bert": str(tmp_path)})


def test_a_cached_hub_model_is_found_by_name_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bert_checkpoint: tuple
) -> None:
    """The layout of the hub's cache; the constant is read at import, hence set as an attribute."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    repository = tmp_path / "models--somebody--bert-tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "snapshots").mkdir()
    bert_checkpoint[0].rename(repository / "snapshots" / ("0" * 40))
    model = build_model(model_settings(BERT), SIZES)
    assert load_pretrained(model, {"bert": "somebody/bert-tiny"}).startswith("bert=bert-tiny(sha256:")
    assert_bert(model.bert, bert_checkpoint[1])
