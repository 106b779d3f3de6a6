"""Trees as tables of nodes: the sums of scikit-learn's own objects, to the last bit."""

import inspect

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from hepflow.classifiers.forest import COLUMNS, PREDICTOR_RECORD_DTYPE, Forest, TreePredictor, _threads


def trained(seed, events=2000, **options):
    random = np.random.default_rng(seed)
    x = random.integers(0, 200, (events, 3)).astype(float)
    y = random.random(events) < 1 / (1 + np.exp(-0.02 * (x[:, 0] - x[:, 1])))
    return HistGradientBoostingClassifier(random_state=seed, **options).fit(x, y)


@pytest.mark.parametrize("back", [False, True])
def test_the_score_is_that_of_the_library(back):
    models = [trained(1, max_iter=7), trained(2, max_iter=3)]
    forest = Forest.of(models)
    if back:
        forest = Forest.from_state(forest.state())
    x = np.random.default_rng(5).integers(0, 220, (5000, 3)).astype(float)
    expected = np.zeros(5000)
    for model in models:
        expected += model.decision_function(x)
    np.testing.assert_array_equal(forest.score(x), expected / 2)


def test_a_bar_counts_the_members_and_leaves_the_score_as_it_is(on_terminal):
    forest = Forest.of([trained(seed, max_iter=2) for seed in (1, 2)])
    x = np.random.default_rng(5).integers(0, 220, (50, 3)).astype(float)
    score, shown = on_terminal(lambda: forest.score(x))
    assert "trees" in shown
    assert "0/2" in shown
    assert np.array_equal(score, forest.score(x))


def test_a_forest_of_stumps_that_found_no_split():
    """What is left is the log-odds of 14 events among 30."""
    forest = Forest.from_state(Forest.of([trained(1, events=30, min_samples_leaf=20)]).state())
    np.testing.assert_allclose(forest.score(np.zeros((3, 3))), np.log(14 / 16))


def test_no_events():
    assert Forest.of([trained(1, max_iter=2)]).score(np.empty((0, 3))).shape == (0,)


def test_what_is_private_in_scikit_learn_is_as_it_was():
    """Where a new scikit-learn fails here, look at its ensemble/_hist_gradient_boosting.

    ``_predict_iterations`` in gradient_boosting.py does what `Forest.score` does, ``_predict_one_from_raw_data`` in
    _predictor.pyx reads the fields of a node: those that it asks for belong in `COLUMNS`. Trees in files of older
    versions must still score the same. Then the upper end of the range in pyproject.toml may rise.
    """
    model = trained(1, max_iter=2)
    assert [type(tree) for (tree,) in model._predictors] == [TreePredictor] * 2
    assert model._baseline_prediction.size == 1
    counted = {"count", "gain", "depth", "bin_threshold"}
    categories = {"is_categorical", "bitset_idx"}  # zero: there are none
    assert set(PREDICTOR_RECORD_DTYPE.names) == set(COLUMNS) | counted | categories
    nodes, *bitsets = inspect.signature(TreePredictor).parameters
    assert (nodes, len(bitsets)) == ("nodes", 2)
    arguments = ["self", "X", "known_cat_bitsets", "f_idx_map", "n_threads"]
    assert list(inspect.signature(TreePredictor.predict).parameters) == arguments


def test_threads_are_as_many_as_a_worker_may_take():
    with threadpool_limits(1):
        assert _threads() == 1
    assert _threads() >= 1
