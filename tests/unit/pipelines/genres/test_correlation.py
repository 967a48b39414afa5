"""Genre correlation against hand-made matrices and ML-GCN's formulas; coarse genres."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.corpora.config import CorpusError, Correlation
from pipelines.genres.coarse import UNMAPPED, coarse_genres, load_coarse_map
from pipelines.genres.correlation import READINGS, genre_graph, graph_rows, graph_weights, name_cosine, ngram_vectors

PLAIN = Correlation(1.0, 0.0, "none", 0.2)
TRACKS = [["a", "b"], ["a"], ["a", "outside"], ["b"], []]
MATRIX = np.array([[1.0, 0.5, 0.1], [0.6, 1.0, 0.4], [0.0, 0.0, 1.0]])


def test_counts_and_conditional_probabilities() -> None:
    graph = genre_graph(TRACKS, ["a", "b", "unseen"], np.zeros((3, 3)), PLAIN)
    assert graph.tracks.tolist() == [[3, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert graph.conditional_probability.tolist() == [[1, 0.333333, 0], [0.5, 1, 0], [0, 0, 0]]
    assert graph.correlation.tolist() == [[1, 0.333333, 0], [0.5, 1, 0], [0, 0, 1]]


def test_both_sources_are_weighed() -> None:
    cosine = np.array([[1, 0.8], [0.8, 1]])
    graph = genre_graph([["a", "b"], ["a"]], ["a", "b"], cosine, Correlation(0.25, 0.0, "none", 0.2))
    assert graph.correlation.tolist() == [[1, 0.725], [0.85, 1]]
    sums = graph.correlation.sum(axis=1)
    np.testing.assert_allclose(graph.weight, graph.correlation / np.sqrt(np.outer(sums, sums)), atol=1e-6)


def test_paper_and_repository_reweight_as_they_say() -> None:
    linked = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=float)
    by_paper = np.array([[0.8, 0.2, 0], [0.1, 0.8, 0.1], [0, 0, 1.0]])
    sums = by_paper.sum(axis=1)
    paper = graph_weights(MATRIX, Correlation(1.0, 0.4, "paper", 0.2))
    np.testing.assert_allclose(paper, by_paper / np.sqrt(np.outer(sums, sums)))
    # util.py: _adj * 0.25 / (_adj.sum(0, keepdims=True) + 1e-6) + identity; models.py: (A D)^T D
    by_repo = linked * 0.25 / (linked.sum(axis=0, keepdims=True) + 1e-6) + np.identity(3)
    scale = np.diag(by_repo.sum(axis=1) ** -0.5)
    repo = graph_weights(MATRIX, Correlation(1.0, 0.4, "repo", 0.25))
    np.testing.assert_allclose(repo, (by_repo @ scale).T @ scale)


def test_the_other_readings_link_by_their_own_rules() -> None:
    rule = Correlation(0.5, 0.4, "paper", 0.2)
    tracks = [["a", "b"]] * 3 + [["c"]] * 3 + [["a"]] * 2 + [["d", "c"]]
    cosine = np.array([[1, 0.1, 0.8, 0.1], [0.1, 1, 0.1, 0.1], [0.8, 0.1, 1, 0.1], [0.1, 0.1, 0.1, 1]])
    graph = genre_graph(tracks, list("abcd"), cosine, rule)
    linked = {name: (getattr(graph, f"weight_{name}") > 0).astype(int).tolist() for name in READINGS}
    # P: a-b 3/5, b-a 1, d-c 1; S: a and c; lift: a and b meet 3 times for 5 * 3 / 9, c and d once
    assert linked["separate"] == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1]]
    assert linked["lift"] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    kept = np.where(graph.correlation >= 0.4, graph.correlation, 0)
    sums = kept.sum(axis=1)
    np.testing.assert_allclose(graph.weight_values, kept / np.sqrt(np.outer(sums, sums)), atol=1e-5)
    often = genre_graph([["a", "b"]] * 2 + [["c"]] * 4, list("abc"), np.eye(3), rule)
    assert (often.weight_lift > 0).tolist() == [[True, True, False], [True, True, False], [False, False, True]]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), unique=True, max_size=4), max_size=20),
    st.sampled_from(["none", "paper", "repo"]),
    st.floats(0, 1),
)
def test_every_tracks_threshold_and_mode_give_numbers(tracks: list[list[str]], mode: str, level: float) -> None:
    genres = list("abcde")
    graph = genre_graph(tracks, genres, name_cosine(ngram_vectors(genres)), Correlation(level, 1 - level, mode, 0.2))
    assert all(np.isfinite(matrix).all() and (matrix >= 0).all() for matrix in graph)
    assert graph_rows(graph, genres, {"corpus": "c"}).height == 25


def test_names_that_share_words_are_alike_and_equal_names_equal() -> None:
    names = ["indie rock", "hard rock", "bossa nova", "Indie Rock"]
    cosine = name_cosine(ngram_vectors(names))
    assert cosine[0, 1] > cosine[0, 2]
    assert cosine[0, 3] == pytest.approx(1)
    assert (cosine >= 0).all()
    assert (cosine <= 1).all()
    assert np.array_equal(cosine, name_cosine(ngram_vectors(names)))
    assert name_cosine(ngram_vectors(["one"])).tolist() == [[1]]
    assert name_cosine(ngram_vectors([])).shape == (0, 0)


# papers.md section 8: the 50 most frequent genres of all tracks, in their order.
TOP_50 = [
    "rock", "pop", "electronic", "alternative rock", "indie rock", "metal", "folk", "singer-songwriter",
    "classic rock", "soul", "experimental", "rap", "indie pop", "hard rock", "punk", "ambient", "synthpop",
    "post-hardcore", "new wave", "progressive rock", "hardcore", "mpb", "jazz", "emo", "post-punk", "soundtrack",
    "hip hop", "pop punk", "metalcore", "lo-fi", "death metal", "dream pop", "progressive metal", "pop rock",
    "shoegaze", "funk", "country", "k-pop", "black metal", "blues", "latin", "post-rock", "electropop", "house",
    "psychedelic rock", "thrash metal", "industrial", "grunge", "electronica", "britpop",
]  # fmt: skip


def test_every_genre_of_the_thesis_has_one_of_its_thirteen_coarse_genres() -> None:
    rows = coarse_genres("m4a", TOP_50, load_coarse_map())
    assert rows.height == 50
    assert UNMAPPED not in rows["status"]
    coarse = dict(rows.select("genre", "coarse_genre").rows())
    assert len(set(coarse.values())) == 13
    exceptions = {
        "pop punk": "punk", "pop rock": "rock", "metalcore": "metal", "dream pop": "pop", "post-punk": "punk",
        "hip hop": "hip hop", "industrial": "experimental", "funk": "r&b & soul",
    }  # fmt: skip
    assert {genre: coarse[genre] for genre in exceptions} == exceptions


def test_an_unmapped_label_has_a_row_without_a_coarse_genre() -> None:
    rows = coarse_genres("m4a", ["rock", "reggae", "samba"], load_coarse_map())
    assert rows.select("genre", "coarse_genre", "status").rows()[1:] == [
        ("reggae", None, UNMAPPED), ("samba", None, UNMAPPED),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            'datasets = ["x"]\n[a]\nlabels = ["r"]\nendings = []\n[b]\nlabels = ["r"]\nendings = []\n',
            "two coarse genres",
        ),
        ("[a]\nlabels = []\n", "datasets: expected a list, found nothing"),
        ('datasets = ["x"]\n[a]\nlabels = []\n', "endings"),
        ("[a", "is not TOML"),
    ],
)
def test_a_faulty_coarse_map_is_named(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "coarse.toml"
    path.write_text(content)
    with pytest.raises(CorpusError, match=words) as refused:
        load_coarse_map(path)
    assert "coarse.toml" in str(refused.value)
