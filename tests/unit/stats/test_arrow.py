"""Likelihoods of many bins with an error each: the same numbers as with dense matrices, in a time that a user has."""

import time

import numpy as np
import pytest

from hepflow.stats import Profile, discovery, open_workspace, upper_limit
from hepflow.stats import arrow as module
from hepflow.stats.arrow import Arrow, groups, objective
from hepflow.stats.minimise import _solved, hessian, solve_positive


def workspace(bins, seed=1):
    """Return two channels: one with staterror, one with two shapesys."""
    random = np.random.default_rng(seed)
    background = 500 * np.exp(-np.linspace(0, 4, bins)) + 5
    signal = 30 * np.exp(-0.5 * ((np.arange(bins) - 0.4 * bins) / (0.05 * bins + 1)) ** 2)
    tilt = 1 + 0.05 * np.linspace(-1, 1, bins)
    norm = {"name": "norm", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    shape = {
        "name": "shape",
        "type": "histosys",
        "data": {"hi_data": (background * tilt).tolist(), "lo_data": (background / tilt).tolist()},
    }
    errors = (0.3 * np.sqrt(background)).tolist()

    def sample(name, events, *modifiers):
        return {"name": name, "data": events.tolist(), "modifiers": list(modifiers)}

    def own(kind, name):
        return {"name": name, "type": kind, "data": errors}

    mu = {"name": "mu", "type": "normfactor", "data": None}
    return {
        "channels": [
            {
                "name": "one",
                "samples": [
                    sample("signal", signal, mu),
                    sample("b", background, own("staterror", "st"), norm, shape),
                ],
            },
            {
                "name": "two",
                "samples": [
                    sample("b", 0.5 * background, own("shapesys", "s1"), norm),
                    sample("c", 0.5 * background, own("shapesys", "s2")),
                ],
            },
        ],
        "observations": [
            {"name": name, "data": random.poisson(background).tolist()} for name in ("one", "two")
        ],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


@pytest.fixture
def small():
    return open_workspace(workspace(40))


def numbers(opened):
    profile = Profile(*opened)
    limit = upper_limit(profile)
    found = discovery(profile)
    return [found.z, found.mu_hat, found.mu_hat_error, limit.observed, *limit.expected], profile


def test_the_numbers_are_those_of_dense_matrices(small, monkeypatch):
    many, profile = numbers(small)
    assert len(profile.model.names) > 120
    monkeypatch.setattr(module, "MANY", 10_000)
    dense, other = numbers(small)
    np.testing.assert_allclose(many, dense, rtol=1e-9)
    np.testing.assert_allclose(profile.covariance, other.covariance, rtol=1e-5, atol=1e-9)


def test_which_parameters_stand_alone(small):
    model = Profile(*small).model
    shared = {name for name, alone in zip(model.names, model.alone, strict=True) if alone < 0}
    assert shared == {"mu", "norm", "shape"}
    assert sorted(model.alone[model.alone >= 0]) == sorted([*range(40), *2 * list(range(40, 80))])
    parts = groups(model.alone, ~model.fixed)
    assert sorted(np.concatenate(parts)) == list(range(len(model.names)))
    assert sorted(map(len, parts)) == [1, 1, 1, 40, 80]


def test_steps_and_curvature_are_those_of_dense_matrices(small):
    profile = Profile(*small)
    model, data = profile.model, profile.data
    x = model.init * 1.02 + 0.01
    _, gradient, curvature = objective(model, data)(x)
    _, same, dense = model.evaluate(x, data)
    assert isinstance(curvature, Arrow)
    np.testing.assert_array_equal(gradient, same)
    np.testing.assert_allclose(curvature.diagonal, np.diag(dense))
    moving = ~model.fixed
    moving[[3, 50]] = False  # as held by a bound
    wanted = np.zeros_like(gradient)
    wanted[moving] = solve_positive(dense[np.ix_(moving, moving)], gradient[moving])
    np.testing.assert_allclose(_solved(curvature, moving, gradient), wanted, rtol=1e-8, atol=1e-12)
    arguments = model.low, model.high, moving
    slow = hessian(lambda at: model.evaluate(at, data), x, dense, *arguments)
    quick = hessian(objective(model, data), x, curvature, *arguments)
    np.testing.assert_allclose(quick, slow, rtol=1e-4, atol=1e-5 * np.abs(slow).max())


def test_many_bins_take_no_minutes():
    """1,000 bins with an error each took more than 100 s; here 250 in two channels, 750 errors."""
    opened = open_workspace(workspace(250))
    begun = time.process_time()
    profile = Profile(*opened)
    assert discovery(profile).mu_hat_error > 0
    assert time.process_time() - begun < 10
