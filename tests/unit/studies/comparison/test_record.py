"""Records of a comparison: what its matrices, estimates and injections are made of."""

import numpy as np

from hepflow.selection.agreement import Agreement
from hepflow.studies.comparison.record import Comparison, Estimate, Matrix, MethodResult


def test_a_matrix_of_what_was_measured():
    """A number that is not finite is none."""
    value, error = np.array([[1, np.nan], [np.nan, 1]]), np.array([[0, np.nan], [np.nan, 0]])
    found = Matrix.of("overlap", Agreement(("A", "B"), value, error), 1, 300, 0.01)
    assert found == Matrix(
        "overlap", 1, 300, ("A", "B"), ((1.0, None), (None, 1.0)), ((0.0, None), (None, 0.0)), 0.01
    )


def test_a_result_without_truth_is_read_back(tmp_path):
    bare = MethodResult("cwola", "CWoLa", False, 1, 0, problems=("the fit failed",))
    Comparison("lhco", "abc", {}, {}, (bare,)).write(tmp_path / "comparison.json")
    assert Comparison.from_json(tmp_path / "comparison.json").results == (bare,)


def test_injections_from_small_to_large():
    results = (MethodResult("cathode", "CATHODE", False, 1, injected) for injected in (300, 0, 150, 0))
    assert Comparison("lhco", "abc", {}, {}, tuple(results)).injections == (0, 150, 300)


def test_an_estimate_of_nothing():
    assert Estimate.of(None) is None
    assert Estimate.of((1.0, 0.5)) == Estimate(1.0, 0.5)
