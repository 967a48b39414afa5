import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as reference

from mgc_models.metrics import average_precision, binary_cross_entropy, score

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
        assert (
            found.values["accuracy"]
            is found.values["precision"]
            is found.values["recall"]
            is found.values["f1"]
            is found.values["map"]
            is found.values["loss"]
            is None
        )
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
