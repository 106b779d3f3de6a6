"""Our fits against pyhf's own numbers, those that pyhf validated with ROOT, and published closed forms.

pyhf's minimisers stop at about 1e-5 of a CLs; ours go on, so the tolerances are pyhf's.
"""

from functools import partial

import numpy as np
import pyhf
import pytest

from hepflow import Spectrum, Windows
from hepflow.stats import (
    HistFactory,
    Profile,
    SignalTemplate,
    bump_hunt,
    cls,
    crystal_ball_signal,
    discovery,
    gaussian_signal,
    hunt_workspace,
    open_workspace,
    upper_limit,
    with_luminosity,
    with_mass_scale,
    with_resolution,
)

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")


@pytest.fixture
def background():
    """Return pyhf's model of uncorrelated background errors."""

    def make(signal, nominal, errors):
        return pyhf.simplemodels.uncorrelated_background(signal, nominal, errors)

    return make


def test_hello_world(background):
    model = background([12.0, 11.0], [50.0, 52.0], [3.0, 7.0])
    found = cls(model, [51, 48, *model.config.auxdata], mu=1.0)
    assert found.observed == pytest.approx(0.05251497, rel=2e-5)
    assert found.expected == pytest.approx((0.0026063, 0.0138201, 0.0644532, 0.2352564, 0.5730362), rel=6e-5)
    limit = upper_limit(model, [51, 48, *model.config.auxdata])
    assert limit.observed == pytest.approx(1.01156939, rel=1e-5)
    assert limit.expected == pytest.approx((0.5599, 0.7570, 1.06235, 1.50117, 2.0508), rel=5e-5)


def test_cls_validated_with_root(background):
    found = cls(background([10.0], [50.0], [7.0]), [55], mu=1.0)
    assert found.observed == pytest.approx(0.45418892944576333, rel=1e-5)


def test_q0_validated_with_root(background):
    found = discovery(background([25.0], [50.0], [7.0]), [80])
    assert found.p0 == pytest.approx(0.003936883191585841, rel=2e-6)


@pytest.mark.parametrize(
    ("signal", "nominal", "z"), [(10, 100, 0.98399), (5, 1, 3.39133), (20, 50, 2.66573), (50, 100, 4.65183)]
)
def test_z_of_counting(counting, signal, nominal, z):
    found = discovery(*open_workspace(counting([float(signal)], [float(nominal)], [signal + nominal])))
    assert found.z == pytest.approx(z, abs=6e-6)


def test_default_bounds_do_not_clip(counting):
    """pyhf's default bounds of (0, 10) give Z = 2.93 here, without a word."""
    found = hunt_workspace(counting([1.0], [100.0], [150.0]))
    assert found.z == pytest.approx(4.65183, abs=6e-6)
    assert found.mu_hat == pytest.approx(50.0)
    assert found.mu_up_obs > 50


def test_expected_limit(background):
    limit = upper_limit(background([1.0], [50.0], [7.0]), [50])
    assert limit.expected[2] == pytest.approx(19.709, abs=5e-4)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_abcd(counting, scale):
    """Background = n, n t1, n t2 and n t1 t2 in D, B, C and A; the scale of the nominal must not matter."""
    regions = {
        "A": (28, 20.0, ["n", "t1", "t2"]),
        "B": (105, 2.0, ["n", "t1"]),
        "C": (98, 2.0, ["n", "t2"]),
        "D": (1000, 0.2, ["n"]),
    }
    spec = counting([1.0], [1.0], [1.0])
    spec["channels"] = [
        {
            "name": name,
            "samples": [
                {"name": "signal", "data": [signal], "modifiers": [normfactor("mu")]},
                {"name": "background", "data": [scale], "modifiers": [normfactor(f) for f in factors]},
            ],
        }
        for name, (_, signal, factors) in regions.items()
    ]
    spec["observations"] = [{"name": name, "data": [n]} for name, (n, *_) in regions.items()]
    found = hunt_workspace(spec, calculator="asymptotic")
    assert found.z == pytest.approx(3.944, abs=5e-4)
    assert found.mu_up_obs == pytest.approx(1.408, abs=5e-4)
    assert found.n_obs == 28
    assert found.n_exp == pytest.approx(105 * 98 / 1000, rel=0.1)
    assert found.n_exp_error == pytest.approx(1.4, abs=0.3)


def normfactor(name):
    return {"name": name, "type": "normfactor", "data": None}


@pytest.fixture
def counting():
    """Return a function that makes the workspace of independent bins."""

    def make(signal, nominal, observed):
        samples = [
            {"name": "signal", "data": signal, "modifiers": [normfactor("mu")]},
            {"name": "background", "data": nominal, "modifiers": []},
        ]
        return {
            "channels": [{"name": "bins", "samples": samples}],
            "observations": [{"name": "bins", "data": observed}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }

    return make


@pytest.mark.parametrize("sidebands", [True, False])
def test_bump_hunt_against_pyhf(sidebands):
    """A whole workspace of ours, tested by pyhf with its own minimiser (SLSQP)."""
    windows = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    edges = windows.edges(100.0)
    expected = 400 * np.exp(-(edges[:-1] - 2500) / 600)
    rng = np.random.default_rng(2)
    signal = gaussian_signal(edges, 3500, 80, 40)
    spectrum = Spectrum(
        edges,
        rng.poisson(expected + 1.5 * signal.counts).astype(float),
        expected,
        windows,
        {"tilt": 0.05 * expected * np.linspace(-1, 1, len(expected)), "level": 0.08 * expected},
        0.3 * np.sqrt(expected),
        sidebands_in_fit=sidebands,
    )
    hunt = bump_hunt(spectrum, SignalTemplate(signal.counts, 0.1 * signal.counts))
    model, data = open_workspace(hunt.workspace)
    observed, expected_set = pyhf.infer.hypotest(hunt.mu_up_obs, data, model, return_expected_set=True)
    assert float(observed) == pytest.approx(0.05, rel=1e-3)
    ours = cls(Profile(HistFactory(model), data), mu=hunt.mu_up_obs)
    assert [float(value) for value in expected_set] == pytest.approx(ours.expected, rel=5e-3)
    p0 = pyhf.infer.hypotest(0.0, data, model, test_stat="q0")
    assert hunt.p0 == pytest.approx(float(p0), rel=1e-3)


def test_signal_nuisances_against_pyhf():
    """Shifts and rates of the signal, histosys and normsys, in pyhf's own fit."""
    windows = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    edges = windows.edges(100.0)
    expected = 400 * np.exp(-(edges[:-1] - 2500) / 600)
    shape = partial(crystal_ball_signal, mass=3450, width=80, alpha_low=1.2, n_low=3, alpha_high=2, n_high=5)
    shape = with_resolution(with_mass_scale(partial(shape, events=60), 0.02), 0.2, 3450)
    signal = with_luminosity(shape(edges), 0.1)
    data = np.random.default_rng(3).poisson(expected + signal.counts).astype(float)
    hunt = bump_hunt(Spectrum(edges, data, expected, windows, {"level": 0.05 * expected}), signal)
    model, data = open_workspace(hunt.workspace)
    best, twice_nll = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    profile = Profile(HistFactory(model), data)
    assert profile.free.x == pytest.approx(best, abs=2e-3)
    assert -2 * float(model.logpdf(profile.free.x, data)[0]) <= float(twice_nll) + 1e-6
    assert float(pyhf.infer.hypotest(hunt.mu_up_obs, data, model)) == pytest.approx(0.05, rel=1e-3)
    assert hunt.p0 == pytest.approx(float(pyhf.infer.hypotest(0.0, data, model, test_stat="q0")), rel=1e-3)
