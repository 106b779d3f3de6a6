"""Fits and the discovery significance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.stats import HistFactory, Profile, discovery, fit, open_workspace, workspace


@pytest.fixture
def model(counting):
    def make(signal, background, errors=()):
        return HistFactory(open_workspace(counting(signal, background, list(errors), background))[0])

    return make


@pytest.mark.parametrize(("signal", "background"), [(10, 100), (5, 1), (20, 50), (50, 100), (0.5, 1e4)])
def test_counting_is_the_closed_form(model, signal, background):
    """q0 = 2 ((s + b) ln(1 + s / b) - s): arXiv:1007.1727 eq. 97. No nuisance: pyhf's minuit crashes here."""
    found = discovery(model([signal], [background]), [signal + background])
    exact = np.sqrt(2 * ((signal + background) * np.log1p(signal / background) - signal))
    assert found.z == pytest.approx(exact, rel=1e-4 if signal < 1 else 1e-8)
    assert found.mu_hat == pytest.approx(1.0)
    assert found.mu_hat_error == pytest.approx(np.sqrt(signal + background) / signal, rel=1e-4)
    assert found.p0 == pytest.approx(stats.norm.sf(found.z), rel=1e-12)
    assert all(type(value) is float for value in vars(found).values())


def test_signal_strength_is_not_clipped(model):
    """With pyhf's default bounds of (0, 10) this gives Z = 2.93."""
    found = discovery(model([1.0], [100.0]), [150])
    assert found.mu_hat == pytest.approx(50.0)
    assert found.z == pytest.approx(4.65183, abs=1e-5)


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(1e-8, 1e8), observed=st.integers(30, 120))
def test_scale_of_the_signal_changes_nothing_but_mu(scale, observed):
    def found(signal):
        spec = {
            "channels": [
                {
                    "name": "c",
                    "samples": [
                        {
                            "name": "s",
                            "data": [signal],
                            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                        },
                        {
                            "name": "b",
                            "data": [50.0],
                            "modifiers": [{"name": "e", "type": "shapesys", "data": [7.0]}],
                        },
                    ],
                }
            ],
            "observations": [{"name": "c", "data": [observed]}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }
        return discovery(*open_workspace(spec))

    one, other = found(10.0), found(10.0 * scale)
    assert other.z == pytest.approx(one.z, abs=1e-6)
    assert other.mu_hat * scale == pytest.approx(one.mu_hat, rel=1e-5, abs=1e-6)
    assert other.mu_hat_error * scale == pytest.approx(one.mu_hat_error, rel=1e-4)


def test_more_data_more_significance(model):
    found = [discovery(model([10.0], [50.0], [7.0]), [n]).z for n in (30, 50, 55, 60, 80, 120, 400)]
    assert found[:2] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert np.all(np.diff(found[1:]) > 0)


def test_deficit_has_no_significance(model):
    found = discovery(model([10.0], [50.0], [7.0]), [30])
    assert (found.z, found.p0) == (0.0, 0.5)
    assert found.mu_hat == pytest.approx(-2.0)


def test_no_event_at_all(model):
    found = discovery(model([10.0], [5.0], [1.0]), [0])
    assert found.z == 0.0
    assert found.mu_hat == pytest.approx(-0.5)  # where the rate reaches zero
    assert 0.1 < found.mu_hat_error < 0.4


def test_fit_gives_all_parameters(model):
    outcome = fit(model([10.0], [50.0], [7.0]), [80])
    assert outcome.valid
    assert outcome.edm < 1e-9
    assert outcome.twice_nll == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(outcome.parameters, [3.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(outcome.uncertainties, [np.hypot(np.sqrt(80), 7) / 10, 7 / 50], rtol=1e-3)


def test_fixed_signal_strength(model):
    """15 + 50 gamma events where 80 are seen, and tau = (50 / 7)^2 for gamma: a quadratic equation."""
    outcome = fit(model([10.0], [50.0], [7.0]), [80], fixed_mu=1.5)
    tau = (50 / 7) ** 2
    a, b, c = 50 * (50 + tau), 15 * (50 + tau) - 50 * (80 + tau), -15 * tau
    gamma = (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a)
    rate = 15 + 50 * gamma
    rise = rate - 80 + 80 * np.log(80 / rate) + tau * (gamma - 1 - np.log(gamma))
    assert outcome.parameters[0] == 1.5
    assert outcome.uncertainties[0] == 0.0
    assert outcome.parameters[1] == pytest.approx(gamma, rel=1e-6)
    assert outcome.uncertainties[1] == pytest.approx(
        (80 * (50 / rate) ** 2 + tau / gamma**2) ** -0.5, rel=1e-3
    )
    assert outcome.twice_nll == pytest.approx(2 * rise, rel=1e-6)


def test_result_on_a_bound_is_an_error(model):
    with pytest.raises(FitError, match="upper bound of 'mu', 2"):
        fit(model([10.0], [50.0], [7.0]), [80], bounds=(0.0, 2.0))
    with pytest.raises(ConfigError, match="low < high"):
        fit(model([10.0], [50.0], [7.0]), [80], bounds=(2.0, 0.0))


def test_impossible_bin_is_named(model):
    with pytest.raises(FitError, match="bin 1 holds 3 events where 0 are expected"):
        discovery(model([5.0, 1.0], [50.0, 0.0]), [50, 3])


def test_degenerate_signal_is_an_error(counting):
    spec = counting([5.0], [50.0], [], [60.0])
    spec["channels"][0]["samples"][1]["modifiers"] = [{"name": "norm", "type": "normfactor", "data": None}]
    with pytest.raises(FitError, match="do not determine 'mu'"):
        discovery(*open_workspace(spec))


@pytest.mark.parametrize(
    ("data", "message"),
    [([50.0, 1.0, 1.0], "got shape"), ([-3.0], "bin 0 are -3.0"), ([np.nan], "bin 0 are nan")],
)
def test_bad_data(model, data, message):
    with pytest.raises(InputError, match=message):
        fit(model([10.0], [50.0], [7.0]), data)


def test_a_model_needs_data(model):
    with pytest.raises(ConfigError, match="needs data"):
        discovery(model([10.0], [50.0]))


def test_failure_names_the_parameter(model, monkeypatch):
    from hepflow.stats import profile
    from hepflow.stats.minimise import Minimum

    def lost(objective, start, low, high, free):
        return Minimum(start, 1.0, 0.5, np.array([0.1, 0.4]), valid=False)

    monkeypatch.setattr(profile, "minimise", lost)
    with pytest.raises(FitError, match=r"EDM 0\.5.*'error\[0\]' at 1"):
        fit(model([10.0], [50.0], [7.0]), [80])


def test_fits_are_made_once(make_spectrum, monkeypatch):
    model, data = open_workspace(workspace(make_spectrum(excess=20)))
    profile = Profile(model, data)
    first = discovery(profile)
    monkeypatch.setattr(profile, "_fit", None)
    assert discovery(profile) == first


def test_free_fit_is_the_lowest(make_spectrum):
    """Of many events the rise on both sides is a parabola to a hundredth."""
    model, data = open_workspace(workspace(make_spectrum(1e6, excess=20)))
    profile = Profile(model, data)
    scan = profile.mu_hat + profile.mu_hat_error * np.linspace(-2, 2, 9)
    rises = [profile.rise(mu) for mu in scan]
    np.testing.assert_allclose(rises, np.linspace(-2, 2, 9) ** 2, rtol=0.01, atol=1e-9)
