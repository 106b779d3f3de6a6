"""A signal on a smooth background: derivatives, and fits against a minimiser that knows nothing of ours."""

import numpy as np
import pytest
from scipy.optimize import minimize

from hepflow.errors import ConfigError, InputError
from hepflow.smooth import fit_smooth
from hepflow.stats import (
    Profile,
    SignalTemplate,
    SmoothModel,
    discovery,
    upper_limit,
    with_mass_scale,
    with_rate,
)
from hepflow.stats.smooth_model import SPURIOUS


@pytest.fixture
def spectrum(dijet):
    """Return edges, counts and the fit without signal of 20,000 events with a bump of 120 at 3.5 TeV."""
    edges, expected = dijet
    rng = np.random.default_rng(2)
    counts = rng.poisson(expected(20_000)) + np.histogram(rng.normal(3500, 105, 120), edges)[0]
    return edges, counts.astype(float), fit_smooth(edges, counts, np.ones(60, dtype=bool))


@pytest.fixture
def signal(spectrum, gaussian):
    return gaussian(3500.0)(spectrum[0])


@pytest.fixture
def varied(spectrum, gaussian):
    """Return the same signal with an error of its mass, which is not the same up and down, and of its rate."""
    shape = with_mass_scale(gaussian(3500.0), 0.01)
    return with_rate(shape(spectrum[0]), 0.1, "rate")


def test_gradients_are_the_derivatives(spectrum, varied):
    edges, counts, smooth = spectrum
    model = SmoothModel(smooth, edges, varied, spurious=20.0)
    assert model.names[0] == "mu"
    assert model.names[-3:] == ["signal_mass_scale", "rate", SPURIOUS]
    data = model.data(counts)
    rng = np.random.default_rng(3)
    for _ in range(10):
        x = model.init + np.where(np.arange(len(model.init)) < 1, 80.0, 0.9) * rng.normal(
            size=len(model.init)
        )
        x[1 : 1 + len(smooth.coefficients)] = smooth.coefficients * (
            1 + 1e-3 * rng.normal(size=len(smooth.coefficients))
        )
        gradient = model.evaluate(x, data)[1]
        slopes = model.rates(x)[1]
        for i in range(len(x)):
            step = np.zeros(len(x))
            step[i] = 1e-5 * max(1.0, abs(x[i]))
            up, down = model.rates(x + step)[0], model.rates(x - step)[0]
            np.testing.assert_allclose(slopes[:, i], (up - down) / (2 * step[i]), rtol=1e-4, atol=1e-4)
            up, down = model.evaluate(x + step, data)[0], model.evaluate(x - step, data)[0]
            assert gradient[i] == pytest.approx((up - down) / (2 * step[i]), rel=1e-4, abs=1e-2)


def test_samples_add_up_to_the_rates(spectrum, varied):
    edges, _, smooth = spectrum
    model = SmoothModel(smooth, edges, varied)
    x = model.at(50.0)
    background, signal = model.sample_rates(x)
    np.testing.assert_allclose(background, smooth.expected(edges), rtol=1e-9)
    np.testing.assert_allclose(signal, 50.0 * varied.counts, atol=1e-9)
    np.testing.assert_allclose(
        model.sample_rates(np.stack([x, x])).sum(axis=1), model.rates(np.stack([x, x]))[0]
    )


def test_many_points_are_points_one_by_one(spectrum, varied):
    edges, _, smooth = spectrum
    model = SmoothModel(smooth, edges, varied, spurious=20.0)
    points = model.init + 0.01 * np.random.default_rng(4).normal(size=(5, len(model.init)))
    rates, jacobian = model.rates(points)
    for row, x in enumerate(points):
        np.testing.assert_allclose(rates[row], model.rates(x)[0], rtol=1e-12)
        np.testing.assert_allclose(jacobian[row], model.rates(x)[1], rtol=1e-12, atol=1e-12)


def test_variations_are_the_templates_at_one_standard_deviation(spectrum, varied):
    edges, _, smooth = spectrum
    model = SmoothModel(smooth, edges, varied)
    for name, sides in varied.variations.items():
        for alpha, wanted in zip((1.0, -1.0), sides, strict=True):
            x = model.at(3.0)
            x[model.names.index(name)] = alpha
            np.testing.assert_allclose(model.rates(x)[0] - model.background, 3 * wanted, atol=1e-8)


def test_discovery_is_that_of_a_plain_minimiser(dijet, gaussian):
    """A power law and a bump, written out a second time."""
    edges, signal = np.linspace(2500, 4500, 21), gaussian(3500.0)(np.linspace(2500, 4500, 21))
    x = edges / 13_000
    rng = np.random.default_rng(5)

    def background(norm, power):
        return np.exp(norm) * (x[1:] ** (1 - power) - x[:-1] ** (1 - power)) / (1 - power)

    scale = 5000 / background(0.0, 7.0).sum()
    counts = rng.poisson(scale * background(0.0, 7.0) + 100 * signal.counts).astype(float)

    def twice_nll(parameters, mu=None):
        norm, power, *rest = parameters
        rates = scale * background(norm, power) + (rest[0] if mu is None else mu) * signal.counts
        return np.inf if np.any(rates <= 0) else 2 * np.sum(rates - counts * np.log(rates))

    options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5000, "maxfev": 5000}
    free = minimize(twice_nll, [0.0, 7.0, 100.0], method="Nelder-Mead", options=options)
    null = minimize(lambda p: twice_nll(p, 0.0), [0.0, 7.0], method="Nelder-Mead", options=options)
    smooth = fit_smooth(edges, counts, np.ones(20, dtype=bool), max_shape=1)
    found = discovery(SmoothModel(smooth, edges, signal), counts)
    assert found.q0 == pytest.approx(null.fun - free.fun, abs=1e-4)
    assert found.mu_hat == pytest.approx(free.x[2], rel=1e-3)


def test_fit_without_signal_is_the_smooth_fit(spectrum, signal):
    edges, counts, smooth = spectrum
    profile = Profile(SmoothModel(smooth, edges, signal), counts)
    assert profile.conditional(0.0).value == pytest.approx(smooth.deviance, abs=1e-6)
    np.testing.assert_allclose(profile.conditional(0.0).x[1:], smooth.coefficients, atol=1e-5)


def test_errors_of_the_signal_weaken_the_limit(spectrum, signal, varied):
    edges, counts, smooth = spectrum
    limits = [
        upper_limit(SmoothModel(smooth, edges, template, spurious=events), counts)
        for template, events in ((signal, 0.0), (varied, 0.0), (signal, 10.0), (signal, 40.0))
    ]
    exact, with_errors, little, much = (limit.observed for limit in limits)
    assert exact < with_errors
    assert exact < little < much
    assert limits[0].expected[2] < limits[2].expected[2] < limits[3].expected[2]


def test_spurious_signal_adds_in_quadrature(spectrum, signal):
    """The error of many events is Gaussian: a spurious signal of S adds S to it."""
    edges, counts, smooth = spectrum
    exact, faked = (discovery(SmoothModel(smooth, edges, signal, spurious=s), counts) for s in (0.0, 30.0))
    assert faked.mu_hat_error == pytest.approx(np.hypot(exact.mu_hat_error, 30.0), rel=0.01)
    assert faked.mu_hat == pytest.approx(exact.mu_hat, rel=0.01)
    assert faked.z < exact.z


def test_bins_that_are_left_out_do_not_count(spectrum, signal):
    edges, counts, smooth = spectrum
    bins = (edges[:-1] > 2900) & (edges[1:] < 4200)
    model = SmoothModel(smooth, edges, signal, bins=bins)
    assert model.n_bins == bins.sum()
    np.testing.assert_allclose(
        model.rates(model.at(2.0))[0], (smooth.expected(edges) + 2 * signal.counts)[bins]
    )
    cut = bins.nonzero()[0]
    window = SmoothModel(
        smooth, edges[cut[0] : cut[-1] + 2], SignalTemplate(signal.counts[cut]), spurious=0.0
    )
    assert discovery(model, counts[bins]).q0 == pytest.approx(discovery(window, counts[bins]).q0, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"bins": np.ones(59, dtype=bool)}, ConfigError, "60 bins and the mask 59; the spectrum has 60"),
        ({"bins": np.ones(60, dtype=int)}, ConfigError, "mask of the fitted bins must be bool; got int64"),
        ({"bins": np.arange(60) > 55}, InputError, "no event in the fitted bins; move the fit's range"),
        ({"spurious": -1.0}, ConfigError, "spurious signal of -1.0 events"),
        ({"spurious": float("nan")}, ConfigError, "spurious signal of nan events"),
    ],
)
def test_bad_input(spectrum, change, error, message):
    edges, _, smooth = spectrum
    counts = np.zeros(60)
    counts[20:25] = 1.0
    with pytest.raises(error, match=message):
        SmoothModel(smooth, edges, SignalTemplate(counts), **change)


def test_rates_beyond_every_number_are_infinitely_unlikely(spectrum, signal):
    """Steps far from the minimum reach them; derivatives must not turn into warnings or NaN."""
    edges, counts, smooth = spectrum
    model = SmoothModel(smooth, edges, signal)
    x = np.stack([model.init, model.init])
    x[1, 1] *= 1e4
    found = model.expand(x, model.data(np.stack([counts, counts])))
    assert np.isfinite(found.value[0])
    assert found.value[1] == np.inf
    assert np.all(np.isfinite(found.curvature))
    assert np.all(np.isfinite(found.gradient))
