"""Models that are none of HistFactory's go to pyhf, and say so."""

import numpy as np
import pyhf
import pytest

from hepflow.stats import HistFactory, Profile, discovery, upper_limit
from hepflow.stats.numerical import Numerical, likelihood_of
from hepflow.stats.terms import UnknownModelError

SPEC = {
    "channels": [
        {
            "name": "region",
            "samples": [
                {
                    "name": "signal",
                    "data": [5.0, 8.0],
                    "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                },
                {
                    "name": "background",
                    "data": [50.0, 40.0],
                    "modifiers": [
                        {"name": "scale", "type": "normsys", "data": {"hi": 1.2, "lo": 0.9}},
                        {"name": "bins", "type": "shapesys", "data": [4.0, 5.0]},
                    ],
                },
            ],
        }
    ]
}
CODES = {"normsys": {"interpcode": "code1"}, "histosys": {"interpcode": "code0"}}


@pytest.fixture
def exponential():
    """A model whose normsys is interpolated exponentially, which the fast engine does not know."""
    return pyhf.Model(SPEC, poi_name="mu", validate=False, modifier_settings=CODES)


def test_the_fast_engine_takes_what_it_knows():
    assert isinstance(likelihood_of(pyhf.Model(SPEC, poi_name="mu", validate=False)), HistFactory)


def test_the_fast_engine_refuses_what_it_does_not_know(exponential):
    with pytest.raises(UnknownModelError, match="interpolation codes"):
        HistFactory(exponential)


def test_others_go_to_pyhf_and_say_so(exponential):
    with pytest.warns(UserWarning, match="pyhf computes the rates of this model"):
        found = likelihood_of(exponential)
    assert isinstance(found, Numerical)


def test_equal_to_pyhf(exponential):
    data = [62.0, 55.0, *exponential.config.auxdata]
    with pytest.warns(UserWarning, match="pyhf computes"):
        profile = Profile(exponential, data)
    _, best = pyhf.infer.mle.fit(data, exponential, return_fitted_val=True)
    assert profile.free.value + profile.model.saturated(profile.data) == pytest.approx(float(best), abs=1e-4)
    p0 = pyhf.infer.hypotest(0.0, data, exponential, test_stat="q0")
    assert discovery(profile).p0 == pytest.approx(float(p0), rel=2e-3)


def test_the_same_as_the_fast_engine_where_both_can():
    model = pyhf.Model(SPEC, poi_name="mu", validate=False)
    data = np.array([62.0, 55.0, *model.config.auxdata])
    fast, slow = upper_limit(HistFactory(model), data), upper_limit(Numerical(model), data)
    assert slow.observed == pytest.approx(fast.observed, rel=1e-5)
    assert slow.expected == pytest.approx(fast.expected, rel=1e-5)
