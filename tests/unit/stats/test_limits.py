"""Asymptotic CLs against closed forms, and how limits must behave."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from hepflow.errors import ConfigError, FitError
from hepflow.stats import (
    HistFactory,
    Profile,
    bump_hunt,
    cls,
    cls_scan,
    gaussian_signal,
    limits,
    open_workspace,
    upper_limit,
)


@pytest.fixture
def model(counting):
    def make(signal, background, errors=()):
        return HistFactory(open_workspace(counting(signal, background, list(errors), background))[0])

    return make


class OneBin:
    """A bin with a Poisson constraint on its background, solved by hand (the nuisance is a square root)."""

    def __init__(self, s, b, error, n):
        self.s, self.b, self.n, self.a = s, b, n, (b / error) ** 2
        self.tau = self.a

    def twice_nll(self, mu, n, a):
        p, q, r = (
            (self.b + self.tau) * self.b,
            (self.b + self.tau) * mu * self.s - (n + a) * self.b,
            -a * mu * self.s,
        )
        gamma = (-q + np.sqrt(q * q - 4 * p * r)) / (2 * p)
        rate = gamma * self.b + mu * self.s
        return 2 * (rate - n * np.log(rate) + self.tau * gamma - a * np.log(gamma)), gamma

    def cls(self, mu):
        mu_hat = max((self.n - self.b) / self.s, 0.0)
        q = (
            self.twice_nll(mu, self.n, self.a)[0] - self.twice_nll(mu_hat, self.n, self.a)[0]
            if mu > mu_hat
            else 0.0
        )
        gamma = self.twice_nll(0.0, self.n, self.a)[1]
        n, a = gamma * self.b, gamma * self.tau
        root = np.sqrt(self.twice_nll(mu, n, a)[0] - self.twice_nll(0.0, n, a)[0])
        at = np.sqrt(q) - root if np.sqrt(q) <= root else (q - root**2) / (2 * root)
        return norm.sf(at + root) / norm.sf(at)

    def limit(self, level):
        return brentq(lambda mu: self.cls(mu) - 1 + level, 1e-3, 1e3, xtol=1e-12)


@pytest.mark.parametrize("n", [20, 50, 55, 90])
@pytest.mark.parametrize("mu", [0.3, 1.0, 4.0])
def test_cls_is_the_closed_form(model, n, mu):
    assert cls(model([10.0], [50.0], [7.0]), [n], mu).observed == pytest.approx(
        OneBin(10, 50, 7, n).cls(mu), rel=1e-6
    )


@pytest.mark.parametrize("level", [0.68, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [20, 55, 90])
def test_limit_is_the_closed_form(model, n, level):
    limit = upper_limit(model([10.0], [50.0], [7.0]), [n], level)
    assert limit.observed == pytest.approx(OneBin(10, 50, 7, n).limit(level), rel=1e-6)
    assert limit.level == level


def test_observed_of_the_asimov_data_is_the_median(model):
    limit = upper_limit(model([10.0], [50.0], [7.0]), [50])
    assert limit.observed == pytest.approx(limit.expected[2], rel=1e-6)
    assert list(limit.expected) == sorted(limit.expected)


def test_cls_of_the_limit_is_the_level(make_spectrum):
    hunt = bump_hunt(make_spectrum(excess=20), gaussian_signal(make_spectrum().edges, 3500, 80))
    profile = Profile(*open_workspace(hunt.workspace))
    assert cls(profile, mu=hunt.mu_up_obs).observed == pytest.approx(0.05, rel=1e-5)
    for i, limit in enumerate(hunt.mu_up_exp):
        assert cls(profile, mu=limit).expected[i] == pytest.approx(0.05, rel=1e-5)


@settings(max_examples=8, deadline=None)
@given(n=st.integers(0, 150), more=st.integers(1, 40))
def test_more_data_weaker_limit(n, more):
    one, other = (OneBinModel.limit(n), OneBinModel.limit(n + more))
    assert other.observed > one.observed > 0
    assert all(a < b for a, b in zip(one.expected, one.expected[1:], strict=False))


class OneBinModel:
    """One compiled model for all examples of a property."""

    model: HistFactory | None = None

    @classmethod
    def limit(cls, n):
        if cls.model is None:
            spec = {
                "channels": [
                    {
                        "name": "c",
                        "samples": [
                            {
                                "name": "s",
                                "data": [3.0],
                                "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                            },
                            {
                                "name": "b",
                                "data": [40.0],
                                "modifiers": [{"name": "e", "type": "shapesys", "data": [5.0]}],
                            },
                        ],
                    }
                ],
                "observations": [{"name": "c", "data": [40.0]}],
                "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
                "version": "1.0.0",
            }
            cls.model = HistFactory(open_workspace(spec)[0])
        return upper_limit(cls.model, [n])


def test_limit_scales_with_the_signal(model):
    limits = [upper_limit(model([s], [50.0], [7.0]), [60]).observed * s for s in (1e-6, 1.0, 1e6)]
    assert limits == pytest.approx([limits[0]] * 3, rel=1e-6)


def test_limits_far_beyond_pyhf_default_bounds(model):
    assert upper_limit(model([0.01], [100.0]), [150]).observed > 5000


def test_asymptotic_limit_without_events(model):
    """2.336 where the exact limit is 2.9957: the documented weakness at b = 1."""
    assert upper_limit(model([1.0], [1.0]), [0]).observed == pytest.approx(2.336, abs=2e-3)


@pytest.mark.parametrize(("n", "ratio"), [(1, 0.83), (3, 0.89), (10, 0.93), (100, 0.98)])
def test_asymptotic_over_exact(model, n, ratio):
    from scipy.stats import poisson

    exact = brentq(lambda s: poisson.cdf(n, n + s) / poisson.cdf(n, n) - 0.05, 0.1, 100)
    assert upper_limit(model([1.0], [float(n)]), [n]).observed / exact == pytest.approx(ratio, abs=0.006)


def test_bad_arguments(model):
    with pytest.raises(ConfigError, match="confidence level 95"):
        upper_limit(model([1.0], [10.0]), [10], level=95)
    with pytest.raises(ConfigError, match="above zero; got 0"):
        cls(model([1.0], [10.0]), [10], mu=0)


def test_signal_that_nothing_constrains(counting):
    spec = counting([5.0], [50.0], [], [50.0])
    spec["channels"][0]["samples"][0]["modifiers"].append(
        {"name": "norm", "type": "normfactor", "data": None}
    )
    with pytest.raises(FitError, match=r"no signal strength up to .* the data do not constrain this signal"):
        upper_limit(*open_workspace(spec))


def test_cls_along_the_strength_is_cls_at_each(model):
    one = model([10.0], [50.0], [7.0])
    scan = cls_scan(one, [55], mu=[3.0, 0.0, 1.0])
    assert scan.mu.tolist() == [0.0, 1.0, 3.0]
    np.testing.assert_allclose(scan.values[0], 1.0)
    for row, mu in zip(scan.values[1:], scan.mu[1:], strict=True):
        found = cls(one, [55], mu)
        np.testing.assert_allclose(row, [found.observed, *found.expected], rtol=1e-9)


def test_default_strengths_show_all_limits(model):
    scan = cls_scan(model([10.0], [50.0], [7.0]), [70], level=0.9)
    limits = [scan.limit.observed, *scan.limit.expected]
    assert scan.limit.level == 0.9
    assert scan.mu[0] == 0.0
    assert scan.mu[-1] > max(limits)
    for column, limit in zip(scan.values.T, limits, strict=True):
        assert np.interp(limit, scan.mu, np.log(column)) == pytest.approx(np.log(0.1), abs=0.01)


@pytest.mark.parametrize("mu", [[1.0], [-1.0, 1.0], [0.0, np.nan]])
def test_strengths_that_cls_cannot_take(model, mu):
    with pytest.raises(ConfigError, match="expected two signal strengths or more"):
        cls_scan(model([10.0], [50.0], [7.0]), [55], mu=mu)


def test_a_strength_whose_fit_fails_costs_no_other(model, monkeypatch):
    at = limits._Scan.cls

    def failing(self, mu):
        if 0.4 < mu < 1.2:
            raise FitError("no minimum")
        return at(self, mu)

    monkeypatch.setattr(limits._Scan, "cls", failing)
    one = model([10.0], [50.0], [7.0])
    scan = cls_scan(one, [55], mu=[0.0, 0.5, 1.0, 2.0])
    assert scan.mu.tolist() == [0.0, 2.0]
    assert np.all(np.isfinite(scan.values))
    assert scan.limit.problems == ("CLs at 0.5: no minimum (and at 1 more of 4 signal strengths)",)
    with pytest.raises(FitError, match=r"CLs at 0\.5: no minimum"):
        cls_scan(one, [55], mu=[0.5, 1.0])
