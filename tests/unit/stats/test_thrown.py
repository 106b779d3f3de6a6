"""Counts of toys, as many as can be drawn."""

import numpy as np
import pytest

from hepflow.errors import FitError
from hepflow.stats.thrown import poisson
from hepflow.stats.toys import p0_toys


def test_counts_are_those_of_numpy():
    one, other = (np.random.default_rng(1) for _ in range(2))
    np.testing.assert_array_equal(poisson(one, [3.0, 50.0], (9, 2)), other.poisson([3.0, 50.0], (9, 2)))
    assert poisson(one, [-1.0], (3, 1)).tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("mean", [2e18, 1e300, np.inf])
def test_more_than_can_be_drawn_is_refused(mean):
    with pytest.raises(FitError, match="events are expected in a bin, more than can be drawn"):
        poisson(np.random.default_rng(1), [1.0, mean], (2, 2))


def test_a_workspace_of_such_expectations_is_refused(workspace_of_one_bin):
    with pytest.raises(FitError, match="more than can be drawn"):
        p0_toys(*workspace_of_one_bin, toys=100, seed=1)


@pytest.fixture
def workspace_of_one_bin():
    from hepflow.stats import open_workspace

    mu = {"name": "mu", "type": "normfactor", "data": None}
    scale = {"name": "scale", "type": "normfactor", "data": None}
    samples = [
        {"name": "signal", "data": [1e16], "modifiers": [mu]},
        {"name": "background", "data": [1e19], "modifiers": [scale]},
    ]
    parameters = [{"name": "scale", "inits": [1.0], "bounds": [[0.0, 10.0]], "fixed": True}]
    return open_workspace(
        {
            "channels": [{"name": "one", "samples": samples}],
            "observations": [{"name": "one", "data": [1e19]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
            "version": "1.0.0",
        }
    )
