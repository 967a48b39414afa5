"""The model of Ru 2023: its eight ablation rows, its inputs, and what is defined at the edges."""

import dataclasses
import itertools

import pytest
import torch

from mgc_models.data.shape import DataShape, GenreGraph
from mgc_models.errors import ModelError
from mgc_models.models import build_model
from mgc_models.models.genre_gcn import stored_graph
from mgc_models.pretrained.load import load_pretrained
from tests.unit.mgc_models.tiny_models import model_settings

TINY = {
    "name": "ru_mgc",
    "audio_channels": [4, 6, 8, 10],
    "audio_blocks": [1, 1, 1, 1],
    "layers": 1,
    "hidden": 16,
    "heads": 2,
    "intermediate": 24,
    "width": 12,
    "text_pooling": "cls",
    "contrastive_width": 7,
    "scma": True,
    "fusion_layers": 1,
    "fusion_heads": 3,
    "fusion_intermediate": 20,
    "dropout": 0.1,
    "gcem": True,
    "gcn_hidden": 9,
    "gcn_slope": 0.2,
    "gcn_output": "classifier",
    "node_features": "names",
}
GENRES = 5
VARIANTS = [{}, {"gcn_output": "label_attention"}, {"text_pooling": "mean"}, {"scma": False}, {"gcem": False}]


def sizes(correlation: torch.Tensor | None = None) -> DataShape:
    torch.manual_seed(3)
    matrix = torch.rand(GENRES, GENRES) if correlation is None else correlation
    graph = GenreGraph(tuple("abcde"), matrix, torch.randn(GENRES, 6))
    return DataShape(n_genres=GENRES, n_bands=40, n_frames=72, vocab_size=90, genre_graph=graph)


def build(**changes) -> torch.nn.Module:
    data = sizes()
    torch.manual_seed(0)
    return build_model(model_settings(TINY | changes), data)


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(10) < torch.tensor([4, 10, 2])[:, None]  # the last one has [CLS] and [SEP] alone
    return {"audio": torch.randn(3, 72, 40), "tokens": torch.randint(5, 90, (3, 10)), "token_mask": mask}


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def loss(model: torch.nn.Module, batch: dict, contrastive: bool) -> torch.Tensor:
    output = model(**batch)
    aligned = output.audio_embedding @ output.text_embedding.T if contrastive else torch.zeros(1, 1)
    return output.logits.square().sum() + aligned.square().sum()


@pytest.mark.parametrize(("contrastive", "scma", "gcem"), itertools.product([False, True], repeat=3))
def test_each_of_the_eight_rows_trains_all_it_uses(batch, contrastive, scma, gcem) -> None:
    model = build(scma=scma, gcem=gcem)
    loss(model, batch, contrastive).backward()
    silent = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    heads = {f"{side}_head.{kind}" for side in ("audio", "text") for kind in ("weight", "bias")}
    assert silent == (set() if contrastive else heads)
    assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in model.parameters())


def test_each_switch_adds_its_own_parameters_and_leaves_the_others_as_they_start() -> None:
    without = build(scma=False, gcem=False)
    attention = 2 * (4 * 12 * 12 + 4 * 12 + 2 * 12 * 20 + 20 + 12 + 4 * 12)  # projections, feed-forward, two norms
    graph = 6 * 9 + 9 * 24
    linear = 24 * GENRES + GENRES
    assert count(build(gcem=False)) == count(without) + attention
    assert count(build(scma=False)) == count(without) - linear + graph
    assert count(build()) == count(without) - linear + graph + attention
    shared = without.state_dict()
    for other in (build(), build(gcem=False), build(scma=False)):
        state = other.state_dict()
        assert all(torch.equal(state[key], shared[key]) for key in shared if not key.startswith("classifier."))


@pytest.mark.parametrize("changes", VARIANTS)
def test_padding_changes_nothing(batch, changes) -> None:
    model = build(**changes).eval()
    other = torch.where(batch["token_mask"], batch["tokens"], torch.randint(5, 90, batch["tokens"].shape))
    with torch.no_grad():
        base, padded = model(**batch), model(**batch | {"tokens": other})
        cut = model(batch["audio"][:1], batch["tokens"][:1, :4], batch["token_mask"][:1, :4])
    for one, two, short in zip(base[:3], padded[:3], cut[:3], strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
        torch.testing.assert_close(one[:1], short, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("changes", VARIANTS)
def test_both_modalities_reach_the_logits_and_only_their_own_embedding(batch, changes) -> None:
    model = build(**changes).eval()
    base, other_audio = model(**batch), model(**batch | {"audio": batch["audio"] + 1})
    other_text = model(**batch | {"tokens": (batch["tokens"] + 1) % 90})
    assert not torch.allclose(base.logits, other_audio.logits)
    assert not torch.allclose(base.logits, other_text.logits)
    torch.testing.assert_close(base.text_embedding, other_audio.text_embedding, rtol=0, atol=0)
    torch.testing.assert_close(base.audio_embedding, other_text.audio_embedding, rtol=0, atol=0)


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_last_batch_of_one_track_and_lyrics_without_a_token_are_trained_on(batch, changes) -> None:
    model = build(**changes).train()
    alone = {name: value[:1] for name, value in batch.items()}
    alone["token_mask"] = torch.zeros_like(alone["token_mask"])
    value = loss(model, alone, contrastive=True)
    value.backward()
    assert value.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_genres_that_never_occur_in_training_have_finite_logits_that_learn(batch) -> None:
    # What genre.correlation holds where no track has the genre and its name is like no other: only its own 1.
    model = build_model(model_settings(TINY), sizes(torch.eye(GENRES)))
    model(**batch).logits[:, 3].square().sum().backward()
    assert model.classifier.gcn.first.weight.grad.abs().sum() > 0


def test_how_it_starts_says_what_the_nodes_are() -> None:
    nameless = dataclasses.replace(sizes().genre_graph, node_features=None)
    one_hot = build_model(model_settings(TINY), DataShape(GENRES, vocab_size=90, genre_graph=nameless))
    assert load_pretrained(build(), {}) == "bert=random node_features=names"
    assert load_pretrained(one_hot, {}) == "bert=random node_features=one_hot"
    assert load_pretrained(build(gcem=False), {}) == "random"


def test_the_correlation_reaches_the_logits(batch) -> None:
    model, other = build().eval(), build().eval()
    other.classifier.gcn.correlation += torch.eye(GENRES)
    assert not torch.allclose(model(**batch).logits, other(**batch).logits)


@pytest.mark.parametrize("changes", [{}, {"node_features": "one_hot"}, {"gcem": False}])
def test_a_stored_model_is_built_again_from_its_weights_alone(batch, changes) -> None:
    settings = TINY | {"node_features": "centred_names"} | changes
    stored = build_model(model_settings(settings), sizes()).eval()
    graph = stored_graph(stored.state_dict(), "abcde")
    again = build_model(model_settings(settings), DataShape(GENRES, vocab_size=90, genre_graph=graph)).eval()
    again.load_state_dict(stored.state_dict())
    torch.testing.assert_close(again(**batch).logits, stored(**batch).logits, rtol=0, atol=0)


def test_at_the_default_sizes_the_parts_have_their_published_sizes() -> None:
    paper = TINY | {"audio_channels": [64, 128, 256, 512], "audio_blocks": [2, 2, 2, 2], "width": 768, "gcem": False}
    paper |= {"layers": 12, "hidden": 768, "heads": 12, "intermediate": 3072, "fusion_heads": 8, "scma": False}
    with torch.device("meta"):
        model = build_model(model_settings(paper), DataShape(87, vocab_size=30522))
        image = torch.empty(1, 1, 128, 1292)
        assert model.resnet(image).shape == (1, 512, 4, 41)
    # torchvision's ResNet-18 less its 1000 classes and two of the three input channels.
    assert count(model.resnet) == 11_689_512 - 513_000 - 2 * 64 * 49
    assert list(model.text_projection.parameters()) == []


def test_what_does_not_fit_is_named(batch) -> None:
    model = build()
    with pytest.raises(ModelError, match="reads audio, and the batch has none"):
        model(None, batch["tokens"], batch["token_mask"])
    with pytest.raises(ModelError, match=r"\[3, 72, 32\]: expected .* at least 33"):
        model(**batch | {"audio": batch["audio"][..., :32]})
    with pytest.raises(ModelError, match="reads lyrics, and the batch has none"):
        model(batch["audio"], None, None)
    with pytest.raises(ModelError, match="expected the genres' correlation in the training inputs, found none"):
        build_model(model_settings(TINY), DataShape(GENRES, vocab_size=90))
    with pytest.raises(ModelError, match="expected the vocabulary size of a tokenizer"):
        build_model(model_settings(TINY), DataShape(GENRES))


def test_the_genres_start_as_large_as_the_rows_of_a_linear_layer(batch) -> None:
    rows = {start: build(gcn_start=start).classifier.gcn().detach() for start in ("own", "linear")}
    linear = torch.nn.Linear(10_000, 2 * TINY["width"]).weight.new_empty(4000, 2 * TINY["width"])
    torch.nn.init.kaiming_uniform_(linear, a=5**0.5)  # as nn.Linear does
    assert rows["linear"].square().mean().sqrt().item() == pytest.approx(linear.square().mean().sqrt().item(), rel=0.02)
    directions = [torch.nn.functional.normalize(vectors, dim=1) for vectors in rows.values()]
    assert torch.allclose(*directions, atol=1e-6)  # the scale alone is another


def test_after_the_attentions_the_lyrics_are_the_mean_or_the_state_of_cls(batch) -> None:
    mean, cls = (build(fused_pooling=pooling).eval() for pooling in ("mean", "cls"))
    assert not torch.allclose(mean(**batch).logits, cls(**batch).logits)
    changed = {**batch, "tokens": batch["tokens"].clone()}
    changed["tokens"][:, 1:] = 7
    heard = []
    cls.scma.register_forward_hook(lambda _module, _inputs, output: heard.append(output))
    logits = cls(**batch).logits
    audio, lyrics = heard[0]
    expected = cls.classifier(torch.cat((audio.mean(1), lyrics[:, 0]), 1))
    assert torch.allclose(logits, expected)


def test_the_mlp_of_the_control_row_has_the_weights_of_the_attentions_but_for_biases_and_norms() -> None:
    fused, control = build(), build(scma=False, fusion_mlp=True)
    weights = [sum(p.numel() for p in part.parameters() if p.ndim == 2) for part in (fused.scma, control.mlp)]
    assert weights[0] == weights[1]
    assert build(scma=False).mlp is None
