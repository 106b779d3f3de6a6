"""The smooth function behind a cut: used where the cut leaves m_jj smooth, refused where it sculpts; no crash."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import FitError
from hepflow.regions import Windows
from hepflow.smooth import DIJET, MODIFIED_EXPONENTIAL, UA2, fit_smooth
from hepflow.spectrum import Spectrum
from hepflow.stats import (
    Profile,
    gaussian_signal,
    open_workspace,
    smooth_behind_cut,
    smooth_spectrum,
    workspace,
)
from hepflow.stats.smooth_bias import Strength

WINDOWS = Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4500)])
EDGES = WINDOWS.edges(50.0)
CENTRES = 0.5 * (EDGES[1:] + EDGES[:-1])
INSIDE = WINDOWS.in_signal(CENTRES)
SIGNAL = gaussian_signal(EDGES, 3500, 60)
TIMES = np.where(INSIDE, 20.0, 4.0)  # template events for each one expected


def flat(mass):
    return np.ones_like(mass)


def tilted(mass):
    return (mass / 3500) ** 2


def bump(mass):
    return 1 + 0.3 * np.exp(-0.5 * ((mass - 3500) / 150) ** 2)


def edge(mass):
    return 1 / (1 + np.exp(-(mass - 3300) / 80))


def wave(mass):
    return 1 + 0.3 * np.sin((mass - 2900) / 120)


def truth(events, efficiency=flat):
    x = CENTRES / 13_000
    density = (1 - x) ** 17 / x**2
    return events * density / density.sum() * efficiency(CENTRES)


def behind(events, efficiency=flat, seed=1):
    """Return data and template of a dijet spectrum behind a cut of this efficiency."""
    random, mean = np.random.default_rng(seed), truth(events, efficiency)
    drawn = random.poisson(mean * TIMES)
    return Spectrum(
        EDGES,
        random.poisson(mean).astype(float),
        drawn / TIMES,
        WINDOWS,
        statistical=np.sqrt(drawn) / TIMES,
        sidebands_in_fit=True,
    )


def judged(events, efficiency=flat, tries=40):
    return [smooth_behind_cut(behind(events, efficiency, seed), SIGNAL) for seed in range(tries)]


@pytest.mark.parametrize("efficiency", [flat, tilted])
@pytest.mark.parametrize("events", [60_000, 6000, 600])
def test_a_cut_that_leaves_the_spectrum_smooth(events, efficiency):
    found = judged(events, efficiency)
    assert np.mean([one.usable for one in found]) > 0.85
    mean = truth(events, efficiency)[INSIDE].sum()
    used = [one.spectrum.expected_in_signal() for one in found if one.usable]
    pulls = [(mean - expected) / error for expected, error in used]
    assert (
        abs(np.mean(pulls)) < 0.8
    )  # a power law, where the F-test asks for no more, is biased by half a sigma
    assert np.std(pulls) < 1.6


@pytest.mark.parametrize(
    ("events", "efficiency", "least"),
    [(6000, bump, 1.0), (6000, edge, 0.95), (6000, wave, 1.0), (600, wave, 1.0)],
)
def test_a_cut_that_sculpts(events, efficiency, least):
    found = judged(events, efficiency)
    refused = ["the cut sculpts m_jj" in "; ".join(one.reasons) for one in found]
    assert np.mean(refused) >= least
    assert all(one.spectrum is not None for one in found)  # its numbers can be seen


def test_a_bump_that_only_the_template_knows():
    """The sidebands are smooth; what the cut does in the signal region is in the template alone."""
    found = smooth_behind_cut(
        behind(20_000, lambda mass: np.where(WINDOWS.in_signal(mass), 1.2, 1.0)), SIGNAL
    )
    assert found.fit.p_value > 0.05
    assert found.template.p_value < 1e-4
    assert found.template_bias > 5 * found.template_bias_error
    assert found.spurious > 0
    assert len(found.reasons) == 2


def test_errors_of_the_training_may_explain_what_the_template_does():
    cut = behind(20_000, lambda mass: np.where(WINDOWS.in_signal(mass), 1.1, 1.0))
    training = np.where(INSIDE, 0.1 * cut.expected, 0.0)
    one, other = (smooth_behind_cut(cut, SIGNAL, template_modes=modes) for modes in ([], [training]))
    assert abs(one.template_bias) > 2 * one.template_bias_error
    assert abs(other.template_bias) < 2 * other.template_bias_error
    assert other.spurious < one.spurious


def test_sidebands_that_do_not_follow_the_template():
    found = smooth_behind_cut(behind(6000), SIGNAL, sculpting_p=1e-3)
    assert found.reasons == (
        "the sidebands do not follow the template (p = 0.001): nothing vouches for the signal region",
    )
    assert smooth_behind_cut(behind(6000), SIGNAL, sculpting_p=0.02).usable


@pytest.mark.parametrize("blind", [False, True])
def test_data_of_the_signal_region_decide_nothing(blind):
    cut = behind(6000)
    hidden = replace(cut, observed=np.where(INSIDE, 10 * cut.observed, cut.observed), blind=blind)
    one, other = (smooth_behind_cut(spectrum, SIGNAL) for spectrum in (cut, hidden))
    assert other.spectrum.blind is blind
    assert one.reasons == other.reasons
    assert (one.template_bias, one.bias, one.spurious) == (other.template_bias, other.bias, other.spurious)
    np.testing.assert_array_equal(one.spectrum.expected, other.spectrum.expected)


def with_data(data):
    return replace(behind(600), observed=np.asarray(data, dtype=float))


NONE = np.zeros(len(CENTRES))
ONE_BIN = np.where(CENTRES == 2925.0, 500.0, 0.0)
BELOW = np.where(CENTRES < 3300, 40.0, 0.0)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (NONE, "it cannot be fitted (dijet fit: every fitted bin is empty"),
        (np.where(CENTRES < 2950, 1.0, NONE), "it cannot be fitted (dijet fit with 2 parameters: 1 events"),
        (ONE_BIN, "it cannot be fitted"),
        (BELOW, "too few events in the sidebands (0 above the signal region; 10 are needed)"),
        (truth(60).round(), "too few events in the sidebands (7 above the signal region; 10 are needed)"),
    ],
)
def test_few_events_are_a_reason_and_no_crash(data, reason):
    found = smooth_behind_cut(with_data(data), SIGNAL)
    assert not found.usable
    assert found.reasons[0].startswith(reason)
    assert (found.fit is None) is (found.spectrum is None)


def test_a_template_without_events_in_the_sidebands():
    cut = behind(6000)
    empty = replace(cut, expected=np.where(INSIDE, cut.expected, 0.0))
    found = smooth_behind_cut(empty, SIGNAL)
    assert any("whether the cut sculpts m_jj cannot be told" in reason for reason in found.reasons)


def test_functions_that_agree_have_no_bias():
    found = smooth_behind_cut(replace(behind(60_000), observed=truth(60_000)), SIGNAL)
    assert found.fit.n_shape == 2
    assert found.bias == pytest.approx({UA2.name: 0.0, MODIFIED_EXPONENTIAL.name: 0.0}, abs=0.05)


def test_a_function_that_misses_is_biased():
    """A power law, of which the F-test asks for no more in 600 events, under the bulge of an exponential."""
    found = smooth_behind_cut(behind(600, seed=0), SIGNAL)
    assert found.fit.n_shape == 1
    exponential = fit_smooth(
        EDGES, found.spectrum.observed, ~INSIDE, function=MODIFIED_EXPONENTIAL, max_shape=1
    ).expected(EDGES)
    power_law, _ = smooth_spectrum(EDGES, exponential, WINDOWS, max_shape=1)
    profile = Profile(*open_workspace(workspace(power_law, SIGNAL)))
    assert found.bias["ua2"] == pytest.approx(0.0, abs=1e-3)  # a power law, too
    assert found.bias["modified-exponential"] == pytest.approx(profile.mu_hat / profile.mu_hat_error, rel=0.1)
    assert 0.4 < found.bias["modified-exponential"] < 0.5


def test_an_order_that_is_biased_gives_way_to_the_next():
    cut = behind(600, seed=1)
    assert fit_smooth(EDGES, cut.observed, cut.in_sidebands).n_shape == 1
    found = smooth_behind_cut(cut, SIGNAL)
    assert found.usable
    assert found.fit.n_shape == 2
    assert [test.n_shape for test in found.fit.tests] == [1, 2]
    assert max(map(abs, found.bias.values())) < 0.1


def test_no_other_function_describes_the_sidebands(monkeypatch):
    def fails(*arguments, function, **options):
        raise FitError("no minimum")

    monkeypatch.setattr("hepflow.stats.smooth_bias.fit_smooth", fails)
    found = smooth_behind_cut(behind(6000), SIGNAL)
    assert "no other function describes the sidebands, to measure its bias with" in found.reasons


@pytest.mark.parametrize("events", [60_000, 6000, 600])
def test_the_linear_strength_is_that_of_the_likelihood(events):
    """A spectrum that is not the expected one, by a tenth of the error of the signal strength and by half of it."""
    mean = truth(events)
    spectrum, _ = smooth_spectrum(EDGES, mean, WINDOWS, function=DIJET)
    finds = Strength.of(spectrum, SIGNAL.counts)
    for size in (0.1, -0.5):
        shift = size * finds.error * SIGNAL.counts * (1 + 0.2 * np.sin(CENTRES / 50))
        data = replace(spectrum, observed=np.where(INSIDE, spectrum.expected + shift, mean))
        profile = Profile(*open_workspace(workspace(data, SIGNAL)))
        assert finds.error == pytest.approx(profile.mu_hat_error, rel=0.1)
        assert finds(shift) * finds.error == pytest.approx(profile.mu_hat, rel=0.05)


def test_what_is_left_of_the_bias_widens_the_error():
    found = smooth_behind_cut(behind(600, seed=0), SIGNAL)
    with_it = Profile(*open_workspace(workspace(found.spectrum.blinded(), SIGNAL)))
    modes = {name: mode for name, mode in found.spectrum.modes.items() if name != "spurious_signal"}
    without = Profile(*open_workspace(workspace(replace(found.spectrum, modes=modes).blinded(), SIGNAL)))
    assert found.spurious > 0.4 * without.mu_hat_error
    assert with_it.mu_hat_error == pytest.approx(np.hypot(without.mu_hat_error, found.spurious), rel=0.02)


def test_without_a_signal_events_are_counted():
    found = smooth_behind_cut(behind(6000))
    assert found.usable
    assert found.spectrum.modes["spurious_signal"].sum() == pytest.approx(found.spurious)
