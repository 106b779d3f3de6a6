"""Bijections between physical features and the flow's space: round trips, log-determinants, bounds, bad columns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hepflow.errors import ConfigError, InputError
from hepflow.flows.bijections import (
    Chain,
    Dequantise,
    GaussRank,
    Log,
    MinMaxLogit,
    Standardise,
)
from hepflow.flows.preprocess import logit_preprocessing

NAMES = ("m_J1", "dm_J", "tau21")
EXAMPLES = settings(max_examples=30, deadline=None, derandomize=True)


def table(events=2000, seed=1):
    """Columns with a bound at zero, with none, and with bounds on both sides."""
    random = np.random.default_rng(seed)
    columns = [random.exponential(150, events), random.normal(100, 300, events), random.beta(5, 2, events)]
    return np.stack(columns, axis=1)


def bijections():
    x = table()
    return [
        (MinMaxLogit.fit(x, NAMES), x),
        (Standardise.fit(x), x),
        (GaussRank.fit(x), x),
        (logit_preprocessing(x, NAMES), x),
        (Chain(()), x),
    ]


IDS = ["MinMaxLogit", "Standardise", "GaussRank", "logit_preprocessing", "empty"]


@pytest.mark.parametrize(("bijection", "x"), bijections(), ids=IDS)
def test_round_trip(bijection, x):
    z, log_determinant = bijection.forward(x)
    assert z.shape == x.shape
    assert log_determinant.shape == (len(x),)
    assert np.isfinite(z).all()
    np.testing.assert_allclose(bijection.inverse(z), x, rtol=0, atol=1e-9 * np.ptp(x, axis=0).max())
    there = bijection.inverse(np.linspace(-2, 2, 30).reshape(10, 3))
    np.testing.assert_allclose(bijection.forward(there)[0], np.linspace(-2, 2, 30).reshape(10, 3), atol=1e-7)


@pytest.mark.parametrize(("bijection", "x"), bijections(), ids=IDS)
def test_log_determinant_is_the_numerical_derivative(bijection, x):
    step = 1e-7 * np.ptp(x, axis=0)
    low, high = bijection.forward(x - step)[0], bijection.forward(x + step)[0]
    numerical = np.sum(np.log((high - low) / (2 * step)), axis=1)
    exact = bijection.forward(x)[1]
    smooth = np.abs(numerical - exact) < 1e-3  # a step across a knot of the ranks sees both slopes
    assert smooth.mean() > 0.99
    np.testing.assert_allclose(bijection.forward(x - step)[1][~smooth], exact[~smooth], atol=5)


@pytest.mark.parametrize(
    "make", [lambda x: MinMaxLogit.fit(x, NAMES), lambda x: logit_preprocessing(x, NAMES)]
)
def test_samples_stay_inside_the_bounds(make):
    x = table()
    bijection = make(x)
    logit = bijection.parts[0] if isinstance(bijection, Chain) else bijection
    z = np.random.default_rng(2).normal(0, 30, (5000, 3))
    z[:6] = np.array([-1e30, -1e3, -40, 40, 1e3, 1e30])[:, None]
    drawn = bijection.inverse(z)
    assert np.isfinite(drawn).all()
    assert (drawn >= logit.low).all()
    assert (drawn <= logit.high).all()
    assert logit.low[[0, 2]].min() >= 0  # a mass or a ratio of the data is not below zero: nor is a sample's
    assert (logit.low <= x.min(axis=0)).all()
    assert (logit.high >= x.max(axis=0)).all()


def test_no_density_outside_the_bounds():
    chain = logit_preprocessing(table(), NAMES)
    inside = table(10)
    for column, value in ((0, -1.0), (1, 1e9), (2, 3.0), (0, -np.inf), (1, np.inf)):
        x = inside.copy()
        x[4, column] = value
        z, log_determinant = chain.forward(x)
        assert np.isfinite(z).all()
        assert log_determinant[4] == -np.inf
        assert np.isfinite(np.delete(log_determinant, 4)).all()


def test_ranks_make_normal_columns():
    x = np.concatenate([table(20_000), np.random.default_rng(1).gamma(2.0, 1.0, (20_000, 1))], axis=1)
    z = logit_preprocessing(x, (*NAMES, "gamma")).forward(x)[0]
    for column in z.T:
        assert stats.kstest(column, "norm").statistic < 0.02


def test_density_of_a_chain_is_the_density_of_its_base():
    """A normal base pulled back through the ranks of a normal sample is that normal density."""
    x = np.random.default_rng(3).normal(50, 7, (100_000, 1))
    z, log_determinant = GaussRank.fit(x).forward(x)
    exact = stats.norm.logpdf(x[:, 0], 50, 7)
    assert abs(np.mean(stats.norm.logpdf(z[:, 0]) + log_determinant - exact)) < 0.005


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_columns_that_are_not_finite_are_named(value):
    x = table(50)
    x[7, 2] = value
    with pytest.raises(
        InputError, match="'tau21' holds NaN or infinite values in 1 of 50 events; drop those events first"
    ):
        logit_preprocessing(x, NAMES)


def test_a_constant_column_is_named():
    x = table(50)
    x[:, 1] = 12.5
    with pytest.raises(InputError, match=r"'dm_J' is 12\.5 in every training event; leave it out"):
        logit_preprocessing(x, NAMES)


@pytest.mark.parametrize("share", [0.01, 0.4, 0.9, 0.9998])
@pytest.mark.parametrize("where", ["low", "high", "middle"])
def test_an_atom(share, where):
    """Many events on one value, on a bound of the column or between: ties must not break the ranks."""
    random = np.random.default_rng(5)
    column = random.random(10_000) + 1e-3
    atom = {"low": 0.0, "high": 1.2, "middle": 0.5}[where]
    column[: int(share * len(column))] = atom
    x = np.stack([column, random.normal(0, 1, 10_000)], axis=1)
    chain = logit_preprocessing(x, ("atom", "free"))
    z, log_determinant = chain.forward(x)
    assert np.isfinite(z).all()
    assert np.isfinite(log_determinant).all()
    back = chain.inverse(z)
    np.testing.assert_allclose(back, x, atol=1e-5)
    order = np.argsort(column, kind="stable")
    assert (np.diff(z[order, 0]) >= 0).all()
    drawn = chain.inverse(random.standard_normal((2000, 2)))
    assert np.isfinite(drawn).all()
    assert drawn[:, 0].min() >= 0


@EXAMPLES
@given(
    levels=st.integers(3, 60),
    events=st.integers(3, 500),
    offset=st.floats(-1e4, 1e4),
    seed=st.integers(0, 999),
)
def test_columns_of_few_values(levels, events, offset, seed):
    """Integers, rounded numbers, tiny samples: any column that is not constant can be mapped and mapped back."""
    column = np.random.default_rng(seed).integers(0, levels, events).astype(float) + offset
    column[:3] = offset, offset + 1, offset + 2
    x = column[:, None]
    chain = logit_preprocessing(x, ("n",))
    z, log_determinant = chain.forward(x)
    assert np.isfinite(z).all()
    assert np.isfinite(log_determinant).all()
    np.testing.assert_allclose(chain.inverse(z), x, rtol=0, atol=1e-4 * levels)


def long_tail(events=500, seed=0):
    random = np.random.default_rng(seed)
    return np.stack([random.lognormal(4, 1.5, events), random.normal(0, 1, events)], axis=1)


def test_log_maps_back_and_has_the_right_determinant():
    x = long_tail()
    log = Log.fit(x, ("m", "x"), ("m",))
    z, log_determinant = log.forward(x)
    np.testing.assert_allclose(log.inverse(z), x, rtol=1e-12)
    assert np.array_equal(z[:, 1], x[:, 1])
    np.testing.assert_allclose(log_determinant, -np.log(x[:, 0] - log.low[0]))
    assert 0 <= log.low[0] < x[:, 0].min()
    outside = log.forward(np.array([[log.low[0], 0.0], [log.low[0] - 1, 0.0]]))
    assert outside[1].tolist() == [-np.inf, -np.inf]
    assert np.isfinite(outside[0]).all()


def test_log_of_a_column_below_zero_has_a_bound_below_it():
    x = long_tail() - 1000
    assert Log.fit(x, ("m", "x"), ("m",)).low[0] < x[:, 0].min()


def test_dequantised_values_come_back():
    random = np.random.default_rng(1)
    x = np.stack(
        [random.poisson(3, 400), random.normal(size=400), 0.25 * random.integers(-4, 5, 400)], axis=1
    )
    part = Dequantise.fit(x, ("n", "x", "quarters"), ("n", "quarters"))
    assert part.step.tolist() == [1, 0, 0.25]
    z, log_determinant = part.forward(x)
    assert np.array_equal(part.inverse(z), x)
    assert not log_determinant.any()
    assert np.array_equal(z[:, 1], x[:, 1])
    assert len(np.unique(z[:, 0])) == 400
    assert np.array_equal(z, part.forward(x)[0])


def test_the_whole_chain_with_discrete_and_long_columns():
    random = np.random.default_rng(2)
    x = np.stack([random.poisson(3, 400), random.lognormal(4, 1.5, 400)], axis=1)
    chain = logit_preprocessing(x, ("n", "m"), discrete=("n",), logarithm=("m",))
    z, log_determinant = chain.forward(x)
    assert np.isfinite(z).all()
    assert np.isfinite(log_determinant).all()
    back = chain.inverse(z)
    assert np.array_equal(back[:, 0], x[:, 0])
    np.testing.assert_allclose(back[:, 1], x[:, 1], rtol=1e-6)


@pytest.mark.parametrize("option", ["discrete", "logarithm"])
def test_columns_that_are_not_there(option):
    with pytest.raises(ConfigError, match=r"no feature 'mm' .*'m'"):
        logit_preprocessing(long_tail(), ("m", "x"), **{option: ("mm",)})


def test_uneven_values_cannot_be_dequantised():
    with pytest.raises(InputError, match="'m' is to be dequantised, but its values are not evenly spaced"):
        logit_preprocessing(long_tail(), ("m", "x"), discrete=("m",))
