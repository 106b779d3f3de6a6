"""Pulls and constraints with a closed form."""

import json

import numpy as np
import pytest

from hepflow.stats import Profile, open_workspace, pulls


def test_poisson_constraint_has_the_width_of_its_events(profile):
    """A bin without signal: gamma = (n + tau) / (b + tau), its error sqrt(n + tau) / (b + tau)."""
    found = pulls(profile([5.0, 0.0], [50.0, 80.0], [7.0, 16.0], [60.0, 95.0]))
    tau = (80 / 16) ** 2
    value = (95 + tau) / (80 + tau)
    assert found.names == ("error[0]", "error[1]")
    assert found.values[1] == pytest.approx(value)
    assert found.errors[1] == pytest.approx(np.sqrt(95 + tau) / (80 + tau), rel=1e-5)
    assert found.pulls[1] == pytest.approx((value - 1) * np.sqrt(tau))
    assert found.constraints[1] == pytest.approx(found.errors[1] * np.sqrt(tau))


def test_the_signal_takes_what_nothing_else_measures(profile):
    """Bin 0 alone has signal: its gamma stays where its constraint has it."""
    found = pulls(profile([5.0, 0.0], [50.0, 80.0], [7.0, 16.0], [60.0, 95.0]))
    assert found.pulls[0] == pytest.approx(0.0, abs=1e-6)
    assert found.constraints[0] == pytest.approx(1.0, rel=1e-4)


def test_gaussian_constraints(gaussian, gaussian_fit):
    found = pulls(gaussian_fit)
    order = [found.names.index(name) for name in gaussian.names]
    errors = np.sqrt(np.diag(gaussian.covariance))[1:]
    np.testing.assert_allclose(found.constraints[order], errors, rtol=1e-3)
    residual = gaussian.observed - gaussian.background
    jacobian = np.column_stack([gaussian.signal, gaussian.shifts.T])
    best = gaussian.covariance @ (jacobian.T @ (residual / gaussian.observed))
    np.testing.assert_allclose(found.pulls[order], best[1:], atol=2e-3)


def test_lumi_counts_in_units_of_its_own_error(counting):
    spec = counting([0.0, 10.0], [1e6, 50.0], [], [1.01e6, 70.0])
    spec["channels"][0]["samples"][1]["modifiers"] = [{"name": "lumi", "type": "lumi", "data": None}]
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "bounds": [[0.5, 1.5]], "inits": [1.0]}
    spec["measurements"][0]["config"]["parameters"] = [lumi]
    found = pulls(Profile(*open_workspace(spec)))
    assert found.names == ("lumi",)
    assert found.pulls == pytest.approx([0.5], abs=2e-3)
    assert found.constraints == pytest.approx([np.sqrt(1.01e6) / 1e6 / 0.02], rel=0.01)


def test_free_normalisation_has_a_value_but_no_pull(counting):
    spec = counting([10.0, 0.0], [50.0, 100.0], [], [70.0, 130.0])
    spec["channels"][0]["samples"][1]["modifiers"] = [{"name": "norm", "type": "normfactor", "data": None}]
    found = pulls(Profile(*open_workspace(spec)))
    assert found.names == ("norm",)
    assert found.values == pytest.approx([1.3])
    assert found.errors == pytest.approx([np.sqrt(130) / 100], rel=1e-4)
    assert np.isnan(found.pulls[0])
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (record["names"], record["pulls"], record["constraints"]) == (["norm"], [None], [None])


def test_no_nuisance_parameters(profile):
    assert pulls(profile([10.0], [50.0], [], [70.0])).names == ()
