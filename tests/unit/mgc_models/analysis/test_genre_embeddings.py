"""Genres before and after the graph convolution, from the weights of a run."""

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from mgc_models.analysis.genre_embeddings import genre_embeddings, main, plane, stored_embeddings
from mgc_models.artifacts.weights import save_weights
from mgc_models.data.shape import GenreGraph
from mgc_models.errors import ModelError
from mgc_models.models.genre_gcn import GenreGCN, GraphClassifier

NAMES = ("rock", "pop", "jazz", "dub")


@pytest.fixture
def model():
    torch.manual_seed(0)
    graph = GenreGraph(NAMES, torch.rand(4, 4), torch.randn(4, 6))
    gcn = GenreGCN(graph, "centred_names", hidden=5, out_width=3, slope=0.3)
    return nn.ModuleDict({"classifier": GraphClassifier(gcn)})


@pytest.fixture
def run(tmp_path, model):
    save_weights(tmp_path / "model.safetensors", model, {"genres": NAMES, "model": {"gcn_slope": 0.3}})
    return tmp_path


def test_a_stored_run_gives_what_its_model_gives(run, model) -> None:
    names, before, after = stored_embeddings(run)
    assert names == NAMES
    expected_before, expected_after = genre_embeddings(model)
    torch.testing.assert_close(before, expected_before, rtol=0, atol=0)
    torch.testing.assert_close(after, expected_after, rtol=0, atol=0)


def test_the_table_has_every_genre_once_per_stage_and_equal_bytes(run) -> None:
    assert main([str(run), str(run / "one.parquet")]) == main([str(run), str(run / "two.parquet")]) == 0
    assert (run / "one.parquet").read_bytes() == (run / "two.parquet").read_bytes()
    rows = pq.read_table(run / "one.parquet").to_pylist()
    assert [(row["stage"], row["genre"]) for row in rows] == [(s, g) for s in ("before", "after") for g in NAMES]


def test_the_plane_keeps_distances_of_what_lies_on_a_plane() -> None:
    torch.manual_seed(0)
    flat = torch.randn(6, 2, dtype=torch.float64) @ torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0][:2]
    torch.testing.assert_close(torch.cdist(plane(flat), plane(flat)), torch.cdist(flat, flat), rtol=0, atol=1e-5)
    torch.testing.assert_close(plane(-flat).abs(), plane(flat).abs())
    assert plane(torch.ones(3, 1)).tolist() == [[0.0, 0.0]] * 3
    assert plane(torch.eye(7)).tolist() == [[0.0, 0.0]] * 7  # any two axes would do
    line = plane(torch.tensor([[0.0, 3.0], [0.0, 1.0], [0.0, -4.0]]))
    assert line.tolist() == [[-3.0, 0.0], [-1.0, 0.0], [4.0, 0.0]]


def test_a_model_without_a_graph_is_told(tmp_path, capsys) -> None:
    with pytest.raises(ModelError, match="found none"):
        genre_embeddings(nn.Linear(2, 2))
    save_weights(tmp_path / "model.safetensors", nn.Linear(2, 2), {"genres": NAMES, "model": {}})
    assert main([str(tmp_path), str(tmp_path / "out.parquet")]) == 1
    assert "expected a model with a graph convolution" in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()
