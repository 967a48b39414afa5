import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from mgc_models.evaluation.metrics import (
    average_precision,
    best_threshold,
    binary_cross_entropy,
    score,
    single_label_scores,
)

_SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 5))
# Few distinct values, so that ties are common.
_LOGITS = st.sampled_from(np.array([-3, -1.5, -1.4999999, -0.0, 0.0, 0.5, 2], dtype=np.float32).tolist())


@st.composite
def labels_and_logits(draw):
    shape = draw(_SHAPES)
    return draw(arrays(bool, shape)), draw(arrays(np.float32, shape, elements=_LOGITS))


@given(labels_and_logits())
def test_example_based_metrics_are_those_of_scikit_learn(pair):
    labels, logits = pair
    labelled, predicted = labels.any(axis=1), logits > -1.5
    found = score(labels, logits, -1.5)
    assert found.tracks_unlabelled == (~labelled).sum()
    if not labelled.any():
        assert set(found.values.values()) == {None}
        return
    # One column in front keeps scikit-learn from taking a single genre for a binary problem; it changes no set.
    true, guess = (np.pad(part[labelled], ((0, 0), (1, 0))) for part in (labels, predicted))
    settings = {"average": "samples", "zero_division": 0}
    assert found.values["accuracy"] == pytest.approx(reference.jaccard_score(true, guess, **settings))
    assert found.values["precision"] == pytest.approx(reference.precision_score(true, guess, **settings))
    assert found.values["recall"] == pytest.approx(reference.recall_score(true, guess, **settings))
    assert found.values["f1"] == pytest.approx(reference.f1_score(true, guess, **settings))


@given(labels_and_logits())
def test_average_precision_is_that_of_scikit_learn_also_with_ties(pair):
    labels, logits = pair
    for genre, value in enumerate(average_precision(labels, logits)):
        if labels[:, genre].any():
            expected = reference.average_precision_score(labels[:, genre], logits[:, genre])
            assert value == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(value)


@given(labels_and_logits())
def test_map_is_the_mean_over_genres_that_occur(pair):
    labels, logits = pair
    found = score(labels, logits, -1.5)
    occurs = labels.any(axis=0)
    assert found.classes_scored == occurs.sum()
    assert (found.positives == labels.sum(axis=0)).all()
    if occurs.any():
        rows = labels.any(axis=1)
        expected = reference.average_precision_score(labels[rows][:, occurs], logits[rows][:, occurs], average="macro")
        assert found.values["map"] == pytest.approx(expected)


def test_nothing_predicted_counts_as_precision_zero_and_the_threshold_itself_is_not_predicted():
    labels = np.array([[True, False], [True, True]])
    found = score(labels, np.array([[-1.5, -9], [4, 4]], dtype=np.float32), -1.5)
    assert (found.values["accuracy"], found.values["precision"], found.values["recall"], found.values["f1"]) == (
        0.5,
        0.5,
        0.5,
        0.5,
    )


def test_the_loss_is_finite_for_extreme_logits():
    labels, logits = np.array([[True, False]]), np.array([[-1e4, 1e4]], dtype=np.float32)
    assert binary_cross_entropy(labels, logits).tolist() == [[1e4, 1e4]]
    expected = reference.log_loss([1], [1 / (1 + np.exp(-0.3))], labels=[0, 1])
    assert binary_cross_entropy(np.array([[True]]), np.array([[0.3]]))[0, 0] == pytest.approx(expected)


def test_logits_that_are_not_finite_and_other_shapes_are_refused():
    with pytest.raises(ValueError, match="1 of 2 logits are not finite"):
        score(np.array([[True, False]]), np.array([[0.0, np.nan]], dtype=np.float32), -1.5)
    with pytest.raises(ValueError, match="shape"):
        score(np.ones((2, 3), dtype=bool), np.ones((2, 2), dtype=np.float32), -1.5)


@given(labels_and_logits())
def test_label_based_metrics_are_those_of_scikit_learn(pair):
    """The mean over genres leaves out those that no track has, as the mean average precision does."""
    labels, logits = pair
    rows = labels.any(axis=1)
    found = score(labels, logits, -1.5).values
    if not rows.any():
        assert found["subset_accuracy"] is found["f1_macro"] is found["f1_micro"] is None
        return
    true, guess = (np.pad(part[rows], ((0, 0), (1, 0))) for part in (labels, logits > -1.5))
    occurs = np.flatnonzero(true.any(axis=0))
    assert found["subset_accuracy"] == pytest.approx(reference.accuracy_score(true, guess))
    assert found["accuracy_label"] == pytest.approx(1 - (true != guess)[:, 1:].mean())
    assert found["accuracy_micro"] == pytest.approx(reference.jaccard_score(true, guess, average="micro"))
    assert found["f1_micro"] == pytest.approx(reference.f1_score(true, guess, average="micro", zero_division=0))
    expected = reference.f1_score(true, guess, average="macro", labels=occurs, zero_division=0)
    assert found["f1_macro"] == pytest.approx(expected)


@given(labels_and_logits())
def test_the_best_threshold_is_the_lowest_of_the_best(pair):
    labels, logits = pair
    rows = labels.any(axis=1)
    if not rows.any():
        with pytest.raises(ValueError, match="found none"):
            best_threshold(labels, logits)
        return
    by_threshold = {value: score(labels, logits, value).values["f1"] for value in sorted(set(logits[rows].ravel()))}
    best = max(by_threshold.values())
    assert best_threshold(labels, logits) == min(value for value, f1 in by_threshold.items() if f1 == best)


def test_of_many_logits_the_percentiles_are_tried():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(200, 3)).astype(np.float32)
    labels = logits > 0.7
    threshold = best_threshold(labels, logits)
    assert np.isclose(np.quantile(logits[labels.any(axis=1)], np.arange(1, 100) / 100), threshold).any()
    assert abs(threshold - 0.7) < 0.05


@given(st.data())
def test_single_label_metrics_are_those_of_scikit_learn(data):
    rows, count = data.draw(st.integers(1, 12)), data.draw(st.integers(2, 5))
    classes = data.draw(arrays(np.int64, rows, elements=st.integers(0, count - 1)))
    logits = data.draw(arrays(np.float32, (rows, count), elements=_LOGITS))
    genres = [f"genre {number}" for number in range(count)]
    found = single_label_scores(classes, logits, genres)
    predicted, occurs = logits.argmax(axis=1), sorted(set(classes.tolist()))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(classes, predicted))
    averages = {"f1": "macro", "f1_weighted": "weighted"}
    for name, average in averages.items():
        expected = reference.f1_score(classes, predicted, average=average, labels=occurs, zero_division=0)
        assert found[name] == pytest.approx(expected)
    assert found["f1_micro"] == pytest.approx(reference.f1_score(classes, predicted, average="micro"))
    probabilities = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum(axis=1, keepdims=True)
    assert found["log_loss"] == pytest.approx(reference.log_loss(classes, probabilities, labels=range(count)))
    per_genre = reference.f1_score(classes, predicted, average=None, labels=occurs, zero_division=0)
    expected = {f"f1/genre {number}": value for number, value in zip(occurs, per_genre, strict=True)}
    assert {name: value for name, value in found.items() if "/" in name} == pytest.approx(expected)


def test_without_a_track_no_single_label_metric_is_defined():
    found = single_label_scores(np.zeros(0, np.int64), np.zeros((0, 3), np.float32), ["a", "b", "c"])
    assert found == dict.fromkeys(("accuracy", "f1", "f1_micro", "f1_weighted", "log_loss"))
