"""The planted corpora hold what they are said to hold, and become runs that training accepts."""

import dataclasses

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from mgc_models.config.run import parse_run
from mgc_models.data.tracks import genre_graph, read_tracks
from pipelines.planted import __main__ as command
from pipelines.planted.corpus import TEST, TRAIN, UNLABELLED
from pipelines.planted.experiment import WORKS, planted_corpus, read_experiment, runs_of
from pipelines.planted.page import outcome, page
from warehouse.store import Store

PARTS = {"train": 150, "validation": 20, "test": 100, "unlabelled": 30}


def small(work):
    experiment = read_experiment(work)
    return dataclasses.replace(experiment, corpus={**experiment.corpus, "parts": PARTS})


@pytest.fixture(scope="module")
def jiang():
    return planted_corpus(small("jiang2024"), 0)


@pytest.fixture(scope="module")
def ru():
    return planted_corpus(small("ru2023"), 0)


def precision_of(inputs, labels, *, half=150):
    """Held-out mean average precision of a linear model."""
    found = []
    for own in labels.T:
        model = LogisticRegression(max_iter=500).fit(inputs[:half], own[:half])
        found.append(average_precision_score(own[half:], model.decision_function(inputs[half:])))
    return np.mean(found)


@pytest.mark.parametrize("work", WORKS)
def test_equal_seeds_give_equal_corpora_and_others_do_not(work):
    first, again, other = (planted_corpus(small(work), seed) for seed in (0, 0, 1))
    for name in ("labels", "frames", "tokens", "parts"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))
    assert {part: int((first.parts == part).sum()) for part in (TRAIN, TEST, UNLABELLED)} == {0: 150, 2: 100, 3: 30}
    assert first.tokens.max() < first.words


def test_factors_tell_the_genres_and_each_modality_only_its_own(jiang):
    settings = small("jiang2024").corpus
    kinds = settings["factors"]
    of = {kind: np.column_stack([jiang.factors[name] for name in kinds if kinds[name] in ("shared", kind)])
          for kind in ("sound", "words")}  # fmt: skip
    everything = np.column_stack(list(jiang.factors.values()))
    sound, words, both = (precision_of(inputs, jiang.labels) for inputs in (of["sound"], of["words"], everything))
    assert words + 0.03 < sound < both - 0.03
    assert both > 0.95
    shares = [genre["share"] for genre in settings["genres"].values()]
    assert np.allclose(jiang.labels.mean(axis=0), shares, atol=0.01)


def test_what_means_the_same_occurs_together(jiang):
    """Words of two poles of one factor avoid each other, so that what a word occurs with says what it means."""
    settings = small("jiang2024").corpus["words"]
    group = (jiang.tokens - settings["common_words"]) // settings["group_words"]
    told = jiang.tokens >= settings["common_words"]
    has = np.stack([(told & (group == number)).sum(axis=1) > 1 for number in range(8)], axis=1)
    opposite = np.mean([(has[:, 2 * topic] & has[:, 2 * topic + 1]).mean() for topic in range(4)])
    alone = np.mean([(has[:, 2 * topic]).mean() * has[:, 2 * topic + 1].mean() for topic in range(4)])
    assert opposite < 0.8 * alone


def test_pairs_cannot_be_told_by_a_sum_and_can_by_both_together(ru):
    cues = np.column_stack([ru.factors[name] for name in ("drone", "bell", "sea", "road")])
    products = np.column_stack([cues, cues[:, :1] * cues[:, 2:], cues[:, 1:2] * cues[:, 2:]])
    pairs = ru.labels[:, [ru.genres.index("shanty"), ru.genres.index("carol")]]
    assert precision_of(cues, pairs) < 0.93
    assert precision_of(products, pairs) > 0.99


def test_rare_genres_keep_company_and_the_graph_of_the_training_part_knows(ru, tmp_path):
    follower, leader = ru.genres.index("parade"), ru.genres.index("march")
    assert ru.labels[ru.labels[:, follower], leader].all()
    assert 0.1 < ru.labels[ru.labels[:, leader], follower].mean() < 0.5
    runs = runs_of(small("ru2023"), 0, Store(tmp_path))
    path = tmp_path / runs["gcem"][-1]["data"]["tracks"]
    graph = genre_graph(path, read_tracks(path), 0)
    assert graph.names == ru.genres
    assert graph.correlation[follower, leader] > 0


@pytest.mark.parametrize("work", WORKS)
def test_rows_become_runs_that_training_accepts(work, tmp_path):
    experiment, store = small(work), Store(tmp_path)
    repetitions = [runs_of(experiment, number, store) for number in range(2)]
    runs = [run for rows in repetitions for row in rows.values() for run in row]
    for run in runs:
        parse_run(run)
    assert len({run["run_id"] for run in runs}) == len(runs)
    assert runs_of(experiment, 0, store) == repetitions[0]
    rows = set(experiment.rows)
    assert all({*question.better, *question.worse} <= rows for question in experiment.questions)


def test_the_page_tells_a_clear_gain_from_none():
    experiment = read_experiment("ru2023")
    gain = {"gcem", "loss_gcem", "scma_gcem", "loss_scma_gcem"}
    scores = {
        row: [{"map": 0.5 + 0.1 * (row in gain) + 0.01 * number, "f1_tuned": 0.5} for number in range(6)]
        for row in experiment.rows
    }
    by_text = {question.text: outcome(question, scores, "map") for question in experiment.questions}
    assert by_text["GCEM"][1].p_value == pytest.approx(2**-6)
    assert by_text["SCMA"][1].p_value == 1
    text = page({"ru2023": (experiment, scores), "jiang2024": (read_experiment("jiang2024"), {"ours": []})})
    assert "| GCEM | +0.100 ± 0.000, p = 0.0156 |" in text
    assert "contributes |" in text
    assert "does not, at this size |" in text
    assert "0 of 8 repetitions" in text


def test_a_page_is_not_replaced_by_one_of_fewer_repetitions(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "read_experiment", small)
    page_file = tmp_path / "planted.md"
    page_file.write_text("all repetitions")
    assert command.main(["--minutes", "0", "--store", str(tmp_path / "store"), "--page", str(page_file)]) == 0
    assert page_file.read_text() == "all repetitions"
    assert "is left as it is" in capsys.readouterr().out
