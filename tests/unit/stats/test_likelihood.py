"""Our HistFactory likelihood against pyhf's, and its derivatives against differences."""

from types import SimpleNamespace

import numpy as np
import pyhf
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.stats import HistFactory, Profile, open_workspace, upper_limit
from hepflow.stats.likelihood import poisson_deviance

EVERYTHING = {
    "channels": [
        {
            "name": "second",
            "samples": [
                {
                    "name": "background",
                    "data": [50.0, 60.0, 2.0],
                    "modifiers": [
                        {
                            "name": "shift",
                            "type": "histosys",
                            "data": {"hi_data": [55, 59, 2.1], "lo_data": [44, 63, 1.8]},
                        },
                        {"name": "scale", "type": "normsys", "data": {"hi": 1.1, "lo": 0.85}},
                        {"name": "other", "type": "normsys", "data": {"hi": 1.3, "lo": 0.75}},
                        {"name": "stat", "type": "staterror", "data": [3.0, 2.0, 1.0]},
                        {"name": "lumi", "type": "lumi", "data": None},
                    ],
                },
                {
                    "name": "signal",
                    "data": [5.0, 6.0, 1.0],
                    "modifiers": [
                        {"name": "mu", "type": "normfactor", "data": None},
                        {"name": "stat", "type": "staterror", "data": [0.3, 0.2, 0.1]},
                        {
                            "name": "shift",
                            "type": "histosys",
                            "data": {"hi_data": [5.5, 6, 0.9], "lo_data": [4.4, 6.3, 1.2]},
                        },
                    ],
                },
            ],
        },
        {
            "name": "first",
            "samples": [
                {
                    "name": "background",
                    "data": [500.0, 600.0],
                    "modifiers": [
                        {"name": "scale", "type": "normsys", "data": {"hi": 1.02, "lo": 0.95}},
                        {
                            "name": "shift",
                            "type": "histosys",
                            "data": {"hi_data": [505, 590], "lo_data": [444, 633]},
                        },
                        {"name": "stat_first", "type": "staterror", "data": [13.0, 12.0]},
                        {"name": "norm", "type": "normfactor", "data": None},
                        {"name": "free", "type": "shapefactor", "data": None},
                    ],
                },
                {
                    "name": "rest",
                    "data": [5.0, 0.0],
                    "modifiers": [
                        {"name": "bins", "type": "shapesys", "data": [1.0, 0.0]},
                        {"name": "lumi", "type": "lumi", "data": None},
                    ],
                },
            ],
        },
        {
            "name": "third",
            "samples": [
                {
                    "name": "background",
                    "data": [20.0, 30.0],
                    "modifiers": [{"name": "free", "type": "shapefactor", "data": None}],
                }
            ],
        },
    ],
    "observations": [
        {"name": "second", "data": [60.0, 58.0, 3.0]},
        {"name": "first", "data": [520.0, 590.0]},
        {"name": "third", "data": [22.0, 25.0]},
    ],
    "measurements": [
        {
            "name": "m",
            "config": {
                "poi": "mu",
                "parameters": [
                    {
                        "name": "lumi",
                        "auxdata": [1.0],
                        "sigmas": [0.017],
                        "bounds": [[0.9, 1.1]],
                        "inits": [1.0],
                    }
                ],
            },
        }
    ],
    "version": "1.0.0",
}


@pytest.fixture(scope="module")
def everything():
    model, data = open_workspace(EVERYTHING)
    return model, np.array(data), HistFactory(model)


def points(likelihood, number):
    """Return parameters on both sides of one standard deviation, where the interpolation changes."""
    rng = np.random.default_rng(1)
    spread = np.where(np.isinf(likelihood.low), 1.3, 0.15)
    for _ in range(number):
        x = likelihood.init + rng.normal(size=len(spread)) * spread
        yield np.where(likelihood.fixed, likelihood.init, np.maximum(x, np.maximum(likelihood.low, -9.0)))


def test_rates_and_likelihood_are_those_of_pyhf(everything):
    model, data, likelihood = everything
    for x in points(likelihood, 100):
        expected = np.asarray(model.expected_data(x))
        np.testing.assert_allclose(likelihood.expected_data(x), expected, rtol=1e-11)
        value = likelihood.evaluate(x, data)[0] + likelihood.saturated(data)
        assert value == pytest.approx(-2 * float(model.logpdf(x, data)[0]), rel=1e-11)


def test_samples_add_up_to_the_rates(everything):
    model, _, likelihood = everything
    assert likelihood.samples == tuple(model.config.samples)
    assert likelihood.channels == model.config.channel_slices
    x = np.array(list(points(likelihood, 10)))
    np.testing.assert_allclose(likelihood.sample_rates(x).sum(axis=-2), likelihood.rates(x)[0], rtol=1e-11)
    background = likelihood.sample_rates(likelihood.init)[likelihood.samples.index("background")]
    np.testing.assert_allclose(background, [500, 600, 50, 60, 2, 20, 30])  # channels by their names


def test_widths_of_the_constraints_are_those_of_pyhf(everything):
    model, _, likelihood = everything
    centres, widths = likelihood.priors()
    for name in model.config.par_order:
        where, parameters = model.config.par_slice(name), model.config.param_set(name)
        wanted = parameters.width() if parameters.constrained else np.full(where.stop - where.start, np.inf)
        np.testing.assert_allclose(widths[where], wanted)
    np.testing.assert_allclose(centres, model.config.suggested_init())


def test_gradient_is_the_derivative(everything):
    _, data, likelihood = everything
    for x in points(likelihood, 15):
        gradient = likelihood.evaluate(x, data)[1]
        for i, step in enumerate(1e-6 * np.eye(len(x))):
            up, down = likelihood.evaluate(x + step, data)[0], likelihood.evaluate(x - step, data)[0]
            assert gradient[i] == pytest.approx((up - down) / 2e-6, rel=1e-4, abs=1e-3)


def test_curvature_is_the_hessian_where_the_fit_is_exact(everything):
    """But for a share of Fisher's information, a hundredth, that keeps it positive where there are no events."""
    _, _, likelihood = everything
    x = likelihood.init
    data = likelihood.expected_data(x)
    value, gradient, curvature = likelihood.evaluate(x, data)
    assert value == pytest.approx(0.0, abs=1e-10)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-10)
    rates, jacobian = likelihood.rates(x)
    hessian = curvature - 0.01 * 2 * (jacobian.T / rates) @ jacobian
    for i, step in enumerate(1e-5 * np.eye(len(x))):
        up, down = likelihood.evaluate(x + step, data)[1], likelihood.evaluate(x - step, data)[1]
        np.testing.assert_allclose((up - down) / 2e-5, hessian[i], rtol=1e-6, atol=1e-5)


def test_defaults_of_pyhf_do_not_bound_us(everything):
    _, _, likelihood = everything
    high = dict(zip(likelihood.names, likelihood.high, strict=True))
    low = dict(zip(likelihood.names, likelihood.low, strict=True))
    assert high["mu"] == high["norm"] == high["scale"] == np.inf
    assert low["scale"] == -np.inf
    assert low["mu"] < 0 <= low["norm"]
    assert (low["lumi"], high["lumi"]) == (0.9, 1.1)  # set in the workspace: kept


def test_below_zero_the_rate_goes_on_smoothly(counting):
    spec = counting([1.0], [2.0], [], [1.0])
    shift = {"name": "tilt", "type": "histosys", "data": {"hi_data": [5.0], "lo_data": [-1.0]}}
    spec["channels"][0]["samples"][1]["modifiers"] = [shift]
    model, data = open_workspace(spec)
    likelihood = HistFactory(model)
    tilt = 1 - likelihood.poi
    values = []
    for at in np.linspace(-0.9, -0.6, 61):
        x = likelihood.at(0.0)
        x[tilt] = at
        value, gradient, curvature = likelihood.evaluate(x, np.array(data))
        assert np.isfinite(value)
        assert curvature[tilt, tilt] > 0
        values.append((value, gradient[tilt]))
    values = np.array(values)
    assert np.all(np.diff(values[:, 0]) < 0)
    slopes = np.diff(values[:, 0]) / 0.005
    middle = 0.5 * (values[1:, 1] + values[:-1, 1])
    away = np.abs(slopes / middle - 1) < 0.02
    assert away.mean() > 0.8


def test_impossible_rate_is_infinite(counting):
    model, data = open_workspace(counting([1.0, 1.0], [5.0, 0.0], [], [5.0, 2.0]))
    likelihood = HistFactory(model)
    assert likelihood.evaluate(likelihood.at(0.0), np.array(data))[0] == np.inf
    assert np.isfinite(likelihood.evaluate(likelihood.at(1.0), np.array(data))[0])


def test_refuses_another_backend(monkeypatch, counting):
    model, _ = open_workspace(counting([1.0], [2.0], [], [1.0]))

    other = SimpleNamespace(tensorlib=SimpleNamespace(name="jax", precision="64b"))
    monkeypatch.setattr("hepflow.stats.pyhf_model.pyhf", other)
    with pytest.raises(ConfigError, match="jax backend"):
        HistFactory(model)


def test_refuses_other_interpolation(counting):
    spec = counting([1.0], [10.0], [], [11.0])
    spec["channels"][0]["samples"][1]["modifiers"] = [
        {"name": "scale", "type": "normsys", "data": {"hi": 1.4, "lo": 0.9}}
    ]
    settings = {"normsys": {"interpcode": "code1"}, "histosys": {"interpcode": "code0"}}
    model = pyhf.Model(spec, modifier_settings=settings, poi_name="mu", validate=False)
    with pytest.raises(ConfigError, match="interpolation codes 4 and 4p"):
        HistFactory(model)


def test_refuses_a_model_without_parameter_of_interest(counting):
    model = pyhf.Model(counting([1.0], [10.0], [], [11.0]), poi_name=None, validate=False)
    with pytest.raises(ConfigError, match="no parameter of interest"):
        HistFactory(model)


def test_refuses_a_signal_of_zero(counting):
    model, _ = open_workspace(counting([0.0], [10.0], [], [11.0]))
    with pytest.raises(ConfigError, match="'mu' changes no rate"):
        HistFactory(model)


def test_refuses_yields_that_are_not_numbers(counting):
    model, _ = open_workspace(counting([1.0], [float("nan")], [], [11.0]))
    with pytest.raises(InputError, match="sample 'background' of channel 'bins' holds"):
        HistFactory(model)


def test_refuses_a_background_below_zero(counting):
    model, _ = open_workspace(counting([1.0, 1.0], [5.0, -2.0], [], [11.0, 3.0]))
    with pytest.raises(InputError, match="'bins': its samples add up to -2 events without signal in bin 1"):
        HistFactory(model)


def test_deviance_keeps_its_digits_near_the_count():
    """Below rounding of the three terms that cancel: ``n x^2 / 2`` for a small relative difference."""
    n = np.array([1e14, 1e10, 100.0, 0.0, 5.0])
    rate = n * (1 + np.array([1e-8, 1e-6, 0.3, 0.0, 0.0])) + np.array([0.0, 0.0, 0.0, 2.0, 0.0])
    wanted = [0.5e-2, 0.5e-2, 30 - 100 * np.log(1.3), 2.0, 0.0]
    np.testing.assert_allclose(poisson_deviance(n, rate), wanted, rtol=1e-5)
    below, above = poisson_deviance(np.full(2, 1e4), 1e4 * (1.001 + np.array([-1e-12, 1e-12])))
    assert below == pytest.approx(above, rel=1e-7)


@pytest.mark.parametrize("scale", [1e8, 1e10, 1e12, 1e14])
def test_limits_of_very_many_events(counting, scale):
    """The background is known to 1e-7: the limit is that of Gaussian errors, 1.96 sigma of a single bin."""
    spec = counting([1.0], [scale], [np.sqrt(scale)], [scale])
    limit = upper_limit(Profile(*open_workspace(spec)))
    assert limit.observed == pytest.approx(1.96 * np.sqrt(2 * scale), rel=1e-3)
    assert limit.problems == ()


def test_valleys_of_very_many_events_are_followed(counting):
    """Errors of a tenth, and 1e12 events: straight steps leave the valley at once."""
    spec = counting([5.0, 8.0], [5e11, 6e11], [1e10, 1e10], [5.5e11, 7e11])
    scale = {"name": "scale", "type": "normsys", "data": {"hi": 1.1, "lo": 0.9}}
    spec["channels"][0]["samples"][1]["modifiers"].append(scale)
    limit = upper_limit(Profile(*open_workspace(spec)))
    assert limit.observed / 1e10 == pytest.approx(2.4986, rel=1e-3)  # as 1e8 in place of 1e10 give it
