"""Correlations of the linear model."""

import json

import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.stats import Profile, correlations, open_workspace


def test_linear_model(gaussian, gaussian_fit):
    found = correlations(gaussian_fit)
    order = [("mu", *gaussian.names).index(name) for name in found.names]
    errors = np.sqrt(np.diag(gaussian.covariance))
    wanted = (gaussian.covariance / np.outer(errors, errors))[np.ix_(order, order)]
    np.testing.assert_allclose(found.matrix, wanted, atol=1e-3)
    assert np.all(np.diag(found.matrix) == 1.0)
    np.testing.assert_allclose(found.matrix, found.matrix.T, atol=1e-12)


def test_one_bin(profile):
    """s mu + b gamma: rho = -sigma_b / sqrt(n + sigma_b^2)."""
    found = correlations(profile([10.0], [50.0], [7.0], [80.0]))
    assert found.names == ("mu", "error[0]")
    assert found.matrix[0, 1] == pytest.approx(-7 / np.sqrt(80 + 49), rel=1e-3)


def test_threshold_leaves_out_what_moves_alone(profile):
    fit = profile([10.0, 0.0], [50.0, 60.0], [7.0, 8.0], [80.0, 66.0])
    assert correlations(fit).names == ("mu", "error[0]", "error[1]")
    assert correlations(fit, threshold=0.1).names == ("mu", "error[0]")
    alone = correlations(fit, threshold=0.99)  # the signal strength always stays
    assert json.loads(json.dumps(alone.to_dict())) == {"names": ["mu"], "matrix": [[1.0]]}


def test_what_the_data_do_not_determine_is_left_out(counting, two_free_factors):
    spec = counting([10.0, 0.0], [50.0, 60.0], [], [70.0, 66.0])
    two_free_factors(spec)
    assert correlations(Profile(*open_workspace(spec))).names == ("mu",)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_bad_threshold(gaussian_fit, threshold):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        correlations(gaussian_fit, threshold=threshold)
