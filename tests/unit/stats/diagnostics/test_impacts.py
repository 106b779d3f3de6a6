"""Impacts against the linear model, and against fits by pyhf."""

import json

import numpy as np
import pyhf
import pytest

from hepflow.errors import FitError
from hepflow.stats import Profile, impacts, open_workspace


def test_linear_model(gaussian, gaussian_fit):
    """Post-fit cov(mu, k) / sigma_k, pre-fit cov(mu, k) / sigma_k^2 times a prior width of one."""
    found = impacts(gaussian_fit)
    variance, shared = np.diag(gaussian.covariance)[1:], gaussian.covariance[0, 1:]
    order = [gaussian.names.index(name) for name in found.parameters.names]
    for measured, size in ((found.post_fit, shared / np.sqrt(variance)), (found.pre_fit, shared / variance)):
        np.testing.assert_allclose(measured[:, 1], size[order], rtol=2e-3)
        np.testing.assert_allclose(measured[:, 0], -size[order], rtol=2e-3)
    assert found.mu_hat_error == pytest.approx(np.sqrt(gaussian.covariance[0, 0]), rel=1e-3)


def test_largest_comes_first(gaussian_fit):
    found = impacts(gaussian_fit)
    assert found.parameters.names[0] == "a_bump_like_the_signal"
    size = np.max(np.abs(found.post_fit), axis=1)
    assert np.all(np.diff(size) <= 0)
    assert not found.failures


def test_background_of_one_bin(profile):
    """mu = (n - gamma b) / s: a shift of gamma by 7 / 50 moves mu by 7 / s, exactly."""
    found = impacts(profile([10.0], [50.0], [7.0], [80.0]))
    np.testing.assert_allclose(found.post_fit, [[0.7, -0.7]], rtol=1e-3)
    np.testing.assert_allclose(found.pre_fit, [[0.7, -0.7]], rtol=1e-6)
    assert found.mu_hat == pytest.approx(3.0)


def test_value_below_the_bound_is_moved_onto_it(profile):
    """A background known to 200 %: gamma cannot fall by 2, it stops near zero."""
    found = impacts(profile([10.0], [50.0], [100.0], [80.0]))
    np.testing.assert_allclose(found.pre_fit, [[5.0, -8.0]], atol=0.01)


def test_free_normalisation_has_no_impact_before_the_fit(counting):
    spec = counting([10.0, 0.0], [50.0, 100.0], [], [70.0, 100.0])
    spec["channels"][0]["samples"][1]["modifiers"] = [{"name": "norm", "type": "normfactor", "data": None}]
    found = impacts(Profile(*open_workspace(spec)))
    assert np.all(np.isnan(found.pre_fit))
    np.testing.assert_allclose(found.post_fit, [[0.5, -0.5]], rtol=1e-4)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["pre_fit"] == [[None, None]]


def test_equal_to_refits_by_pyhf(make_spectrum):
    from hepflow.stats import workspace

    spectrum = make_spectrum(excess=40, modes=1, sidebands=False)
    model, data = open_workspace(workspace(spectrum))
    found = impacts(Profile(model, data))
    name = next(one for one in found.parameters.names if one.startswith("mode"))
    row, index = found.parameters.names.index(name), model.config.par_names.index(name)
    best = found.parameters.values[row]
    bounds = [(-10.0, 200.0) if one == "mu" else (1e-10, 10.0) for one in model.config.par_names]
    bounds[index] = (-5.0, 5.0)
    for column, sign in enumerate((-1, 1)):
        for measured, step in ((found.pre_fit, 1.0), (found.post_fit, found.parameters.errors[row])):
            start, fixed = model.config.suggested_init(), model.config.suggested_fixed()
            start[index], fixed[index] = best + sign * step, True
            theirs = pyhf.infer.mle.fit(data, model, start, bounds, fixed)[model.config.poi_index]
            assert measured[row, column] == pytest.approx(float(theirs) - found.mu_hat, rel=0.01, abs=0.02)


def test_one_failed_fit_stops_no_other(profile, monkeypatch):
    fit = profile([5.0, 3.0], [50.0, 80.0], [7.0, 16.0], [60.0, 95.0])
    sound = fit.fixing

    def stumbling(parameter, value):
        if fit.model.names[parameter] == "error[0]":
            raise FitError("the fit did not converge (EDM 1)")
        return sound(parameter, value)

    monkeypatch.setattr(fit, "fixing", stumbling)
    found = impacts(fit)
    assert found.failures == {"error[0]": "the fit did not converge (EDM 1)"}
    assert found.parameters.names == ("error[1]", "error[0]")  # what has no impact stands last
    assert np.all(np.isfinite(found.post_fit[0]))
    assert np.all(np.isnan(found.post_fit[1]))
