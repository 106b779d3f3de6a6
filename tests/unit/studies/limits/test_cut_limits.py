"""The limits behind one cut, from a fit and efficiencies with a known answer."""

from types import SimpleNamespace

import numpy as np
import pytest

from hepflow.studies.limits.cut_limits import cut_limits
from hepflow.studies.limits.record import EfficiencyPoint


def points(*efficiencies):
    events = (0, 100, 200, 400)
    return tuple(EfficiencyPoint(*one, 0.0, 1) for one in zip(events, efficiencies, strict=True))


def hunt(mu_up_obs, mu_up_exp, problems=()):
    """Return a fit whose signal at strength one has 20 events in the signal region and 5 outside."""
    return SimpleNamespace(
        mu_up_obs=mu_up_obs,
        mu_up_exp=mu_up_exp,
        problems=problems,
        signal=SimpleNamespace(counts=np.array([5.0, 20.0])),
        spectrum=SimpleNamespace(in_signal=np.array([False, True])),
    )


EXPECTED = (0.5, 1.0, 2.0, 3.0, 4.0)


def test_a_constant_efficiency_gives_the_limit_without_retraining():
    found = cut_limits(0.01, points(0.25, 0.25, 0.25, 0.25), hunt(1.5, EXPECTED))
    assert found.passing_observed == 30
    assert found.observed == pytest.approx(120)
    assert found.expected == pytest.approx((40, 80, 160, 240, 320))
    assert found.expected == pytest.approx(found.fixed_expected)
    assert found.observed == pytest.approx(found.fixed_observed)
    assert found.problems == ()


def test_an_efficiency_that_rises_gives_a_lower_limit():
    found = cut_limits(0.01, points(0.0, 0.1, 0.2, 0.4), hunt(2.0, EXPECTED))
    assert found.observed == pytest.approx(np.sqrt(40 * 1000))
    assert found.fixed_observed is None
    assert found.fixed_expected == (None,) * 5


def test_what_the_largest_injection_does_not_reach_is_said_and_not_extrapolated():
    found = cut_limits(0.01, points(0.1, 0.1, 0.1, 0.1), hunt(1.0, EXPECTED))
    assert found.observed == pytest.approx(200)
    assert found.expected[:3] == pytest.approx((100, 200, 400))
    assert found.expected[3:] == (None, None)
    assert found.problems[0].startswith(
        "with 400 signal events in the data, 40 pass the cut, fewer than the 80 that"
    )


def test_limits_that_the_fit_did_not_find():
    found = cut_limits(
        0.01, points(0.1, 0.1, 0.1, 0.1), hunt(None, (np.nan, 1.0, np.nan, np.nan, np.nan), ("why",))
    )
    assert found.observed is None
    assert found.expected == (None, pytest.approx(200), None, None, None)
    assert found.problems == ("why",)
