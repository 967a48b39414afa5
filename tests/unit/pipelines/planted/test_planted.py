"""The planted corpora hold what they are said to hold, and their experiments are trained and reported as others are."""

import dataclasses
import re
import shutil

import dagster as dg
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from mgc_models.config.run import parse_run
from mgc_models.data.tracks import genre_graph, read_tracks
from pipelines.assets.planted import planted_assets
from pipelines.assets.resources import MgcResource
from pipelines.experiments import PlanError
from pipelines.planted.bounds import bounds
from pipelines.planted.corpus import TEST, TRAIN, UNLABELLED
from pipelines.planted.files import drawn_data, write_drawn
from pipelines.planted.page import outcome, verdict
from pipelines.planted.runs import ROOT, load_planted, planted_runs
from pipelines.planted.worlds import FOLDER, load_worlds
from pipelines.results.finished import FinishedRuns
from pipelines.training.launch import WholeLineReader
from warehouse.parsing import plain
from warehouse.store import Store
from warehouse.tables import read_table

PARTS = {"train": 150, "validation": 20, "test": 100, "unlabelled": 30}
WORLDS = load_worlds()


def small(name):
    world = WORLDS[name]
    return dataclasses.replace(world, settings={**world.settings, "parts": PARTS})


@pytest.fixture(scope="module")
def factors():
    return small("factors").drawn(0)


@pytest.fixture(scope="module")
def cues():
    return small("cues").drawn(0)


@pytest.fixture(scope="module")
def plan():
    return load_planted(WORLDS)


def precision_of(inputs, labels, *, half=150):
    """Held-out mean average precision of a linear model."""
    found = []
    for own in labels.T:
        model = LogisticRegression(max_iter=500).fit(inputs[:half], own[:half])
        found.append(average_precision_score(own[half:], model.decision_function(inputs[half:])))
    return np.mean(found)


@pytest.mark.parametrize("name", WORLDS)
def test_equal_seeds_give_equal_corpora_and_others_do_not(name):
    first, again, other = (small(name).drawn(seed) for seed in (0, 0, 1))
    for attribute in ("labels", "frames", "tokens", "parts"):
        assert np.array_equal(getattr(first, attribute), getattr(again, attribute))
        assert not np.array_equal(getattr(first, attribute), getattr(other, attribute))
    assert {part: int((first.parts == part).sum()) for part in (TRAIN, TEST, UNLABELLED)} == {0: 150, 2: 100, 3: 30}
    assert first.tokens.max() < first.words


def test_factors_tell_the_genres_and_each_modality_only_its_own(factors):
    settings = small("factors").settings
    kinds = settings["factors"]
    of = {kind: np.column_stack([factors.factors[name] for name in kinds if kinds[name] in ("shared", kind)])
          for kind in ("sound", "words")}  # fmt: skip
    everything = np.column_stack(list(factors.factors.values()))
    sound, words, both = (precision_of(inputs, factors.labels) for inputs in (of["sound"], of["words"], everything))
    assert words + 0.03 < sound < both - 0.03
    assert both > 0.95
    shares = [genre["share"] for genre in settings["genres"].values()]
    assert np.allclose(factors.labels.mean(axis=0), shares, atol=0.01)


def test_what_means_the_same_occurs_together(factors):
    """Words of two poles of one factor avoid each other, so that what a word occurs with says what it means."""
    settings = small("factors").settings["words"]
    group = (factors.tokens - settings["common_words"]) // settings["group_words"]
    told = factors.tokens >= settings["common_words"]
    has = np.stack([(told & (group == number)).sum(axis=1) > 1 for number in range(8)], axis=1)
    opposite = np.mean([(has[:, 2 * topic] & has[:, 2 * topic + 1]).mean() for topic in range(4)])
    alone = np.mean([(has[:, 2 * topic]).mean() * has[:, 2 * topic + 1].mean() for topic in range(4)])
    assert opposite < 0.8 * alone


def test_pairs_cannot_be_told_by_a_sum_and_can_by_both_together(cues):
    found = np.column_stack([cues.factors[name] for name in ("drone", "bell", "sea", "road")])
    products = np.column_stack([found, found[:, :1] * found[:, 2:], found[:, 1:2] * found[:, 2:]])
    pairs = cues.labels[:, [cues.genres.index("shanty"), cues.genres.index("carol")]]
    assert precision_of(found, pairs) < 0.93
    assert precision_of(products, pairs) > 0.99


def test_of_cues_that_exclude_each_other_the_pair_tells_and_no_sum_does():
    corpus = small("exclusive").drawn(0)
    for modality in ("sound", "words"):
        shown = np.column_stack([own for name, own in corpus.factors.items() if name.startswith(modality)])
        assert (shown.sum(axis=1) == 1).all()
        shares = (shown.T @ corpus.labels) / shown.sum(axis=0)[:, None]
        assert np.allclose(shares, 1 / len(corpus.genres), atol=0.15)  # none tells a genre
    found = bounds(WORLDS["exclusive"].drawn(0))
    assert found["oracle"] == found["graph_free"] == 1
    assert found["additive"] < 0.5


def test_rare_genres_keep_company_and_the_graph_of_the_training_part_knows(cues, tmp_path):
    follower, leader = cues.genres.index("parade"), cues.genres.index("march")
    assert cues.labels[cues.labels[:, follower], leader].all()
    assert 0.1 < cues.labels[cues.labels[:, leader], follower].mean() < 0.5
    store, world = Store(tmp_path), small("cues")
    assert write_drawn(store, world, 0)
    assert not write_drawn(store, world, 0)
    path = tmp_path / drawn_data(world, 0).tracks
    graph = genre_graph(path, read_tracks(path), 0)
    assert graph.names == cues.genres
    assert graph.correlation[follower, leader] > 0


def test_every_repetition_of_a_row_has_a_corpus_and_a_pretraining_of_its_own(plan):
    planned = planted_runs(plan, WORLDS)
    for run in planned.all_runs():
        parse_run(plain(run))
    pretrained = [run.run_id for run in planned.pretrain["jiang2024_planted"]]
    runs = planned.runs["jiang2024_planted"]
    assert [run.pretrained for run in runs] == pretrained
    assert len({run.data.corpus_hash for run in runs}) == len(set(pretrained)) == len(runs) == 8
    assert planned == planted_runs(plan, WORLDS)
    dearer = dict(WORLDS) | {"factors": small("factors")}
    assert planted_runs(plan, dearer).runs["jiang2024_planted"] != runs


def test_a_question_tells_a_clear_gain_from_none(plan):
    table = next(table for table in plan.tables if table.name == "ru2023_planted")
    gain = {"gcem", "loss_gcem", "scma_gcem", "loss_scma_gcem"}
    found = {}
    for row in table.rows:
        scores = tuple(0.5 + 0.1 * (row.row_id in gain) + 0.01 * number for number in range(6))
        found[plan.setting(table, row).setting_id] = FinishedRuns(("run",) * 6, "random", {"map": scores})
    tests = {one.text: outcome(plan, table, one, table.metrics[0], found) for one in table.questions}
    assert tests["GCEM"][0] == pytest.approx([0.1] * 6)
    assert tests["GCEM"][1].p_value == pytest.approx(2**-6)
    assert verdict(tests["GCEM"][1]) == "contributes"
    assert verdict(tests["SCMA"][1]) == "does not, at this size"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('without = ["none"]', 'without = ["nobody"]', "nobody: expected a row: none, loss"),
        ('without = ["none"]', "without = []", "question[3].without: expected ids of rows, found []"),
        ("[[question]]\ntext", "[[question]]\nasks", "question[0].asks: expected one of text, with, without"),
    ],
)
def test_a_question_that_cannot_be_asked_is_named(before, after, message, tmp_path):
    root = shutil.copytree(ROOT, tmp_path / "planted")
    file = root / "ru2023" / "planted.toml"
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(PlanError, match=re.escape(message)):
        load_planted(WORLDS, root)


@pytest.fixture
def shortened(tmp_path):
    """One experiment of Ru et al. with two corpora of few tracks, an epoch and two rows."""
    experiments, worlds = shutil.copytree(ROOT, tmp_path / "experiments"), tmp_path / "worlds"
    shutil.rmtree(experiments / "jiang2024")
    for path in (experiments / "ru2023").rglob("planted.toml"):
        path.unlink()
    worlds.mkdir()
    parts = "parts = { train = 64, validation = 16, test = 64, unlabelled = 0 }"
    (worlds / "exclusive.toml").write_text(re.sub("parts = .*", parts, (FOLDER / "exclusive.toml").read_text()))
    base = experiments / "ru2023" / "base" / "exclusive.toml"
    text = re.sub("seeds = .*", "seeds = [0, 1]", base.read_text())
    base.write_text(re.sub("epochs = .*", "epochs = 1", text))
    table = experiments / "ru2023" / "exclusive.toml"
    head, *rows = re.split(r"(?=\[\[row\]\])", table.read_text().partition("# One-sided")[0])
    question = '[[question]]\ntext = "All"\nwith = ["loss_scma_gcem"]\nwithout = ["none"]\n'
    table.write_text(head + rows[0] + next(row for row in rows if '"loss_scma_gcem"' in row) + question)
    return planted_assets(experiments, worlds)


def test_the_job_trains_in_a_store_of_its_own_and_writes_the_page_and_the_tables(shortened, tmp_path):
    outside = tmp_path / "store"
    resources = {
        "mgc": MgcResource(store=str(outside), profile="paper"),
        "pipes": dg.PipesSubprocessClient(message_reader=WholeLineReader(tmp_path / "messages")),
    }
    first = dg.materialize(shortened, resources=resources)
    assert first.success
    assert [path.name for path in outside.iterdir()] == ["planted"]
    store = Store(outside / "planted")
    text = (store.root / "planted.md").read_text()
    assert re.search(r"\| All \| [+-]0\.\d+ ± 0\.\d+, p = \d", text)
    assert "| (oracle: what the labels were made from) | 1.000 ± 0.000 |  |" in text
    assert re.search(r"commit \w+.*, torch .* on cpu; 4 runs", text)
    lines = read_table(store, "report.results").to_pylist()
    assert {(line["row_id"], line["n"], line["status"]) for line in lines} == {
        ("none", 2, "done"),
        ("loss_scma_gcem", 2, "done"),
    }
    again = dg.materialize(shortened, resources=resources)
    found = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in again.get_asset_materialization_events()
    }
    assert found["planted/runs"]["runs_trained_now"].value == 0
    assert all(metadata["unchanged"].value for metadata in found.values())
