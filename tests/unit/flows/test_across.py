"""Bijections across columns: round trips, log-determinants by hand, domains, angles, and all of them in files."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.errors import ConfigError, InputError
from hepflow.flows import ConditionalDensity, TrainingPlan, spline_autoregressive
from hepflow.flows.angles import Periodic, Relative
from hepflow.flows.bijections import GaussRank, MinMaxLogit
from hepflow.flows.masses import MassInPlace
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.shares import Fractions, LogRatios
from hepflow.weights import load_weights, save_weights

EXAMPLES = settings(max_examples=30, deadline=None, derandomize=True)
PAIR = ("pt1", "eta1", "phi1", "pt2", "eta2", "phi2")
FIVE = ("pt1", "eta1", "pt2", "eta2", "dphi")
SHARES = ("a", "b", "c")
PI = np.pi


def pair(events=500, seed=1):
    """Two particles, back to back but for a smearing."""
    random = np.random.default_rng(seed)
    phi = random.uniform(-PI, PI, events)
    other = np.angle(np.exp(1j * (phi + PI + random.normal(0, 0.3, events))))
    return np.stack(
        [
            random.gamma(4, 10, events),
            random.normal(0, 1, events),
            phi,
            random.gamma(4, 10, events),
            random.normal(0, 1, events),
            other,
        ],
        axis=1,
    )


def mass(x):
    return np.sqrt(2 * x[:, 0] * x[:, 3] * (np.cosh(x[:, 1] - x[:, 4]) - np.cos(x[:, 2] - x[:, 5])))


def shares(events=500, seed=1):
    """Three of four shares."""
    return np.random.default_rng(seed).dirichlet([1, 2, 3, 4], events)[:, :3]


def parts_of_a_total(events=500, seed=1):
    return np.random.default_rng(seed).gamma(2.0, 30.0, (events, 3))


def every():
    five = np.delete(pair(), [2], axis=1)
    return {
        "mass": (MassInPlace.fit(pair(), PAIR, PAIR, {}), pair()),
        "mass of a difference": (MassInPlace.fit(five, FIVE, FIVE, {}), five),
        "shares": (LogRatios.fit(shares(), SHARES, SHARES, {}), shares()),
        "two of the columns": (LogRatios.fit(shares(), SHARES, ("c", "a"), {}), shares()),
        "parts": (Fractions.fit(parts_of_a_total(), SHARES, SHARES, {}), parts_of_a_total()),
        "angles": (Periodic.fit(pair(), PAIR, {"phi1": 2 * PI, "phi2": 2 * PI}), pair()),
        "relative angle": (
            Relative.fit(pair(), PAIR, ("phi2", "phi1"), {"phi1": 2 * PI, "phi2": 2 * PI}),
            pair(),
        ),
        "difference": (Relative.fit(pair(), PAIR, ("eta2", "eta1"), {}), pair()),
    }


EVERY = every()


@pytest.mark.parametrize("name", EVERY)
def test_round_trip(name):
    bijection, x = EVERY[name]
    z, log_determinant = bijection.forward(x)
    assert z.shape == x.shape
    assert np.isfinite(z).all()
    assert np.isfinite(log_determinant).all()
    np.testing.assert_allclose(bijection.inverse(z), x, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_log_determinant_is_that_of_the_jacobian(name):
    bijection, x = EVERY[name]
    x = x[:40]
    step = 1e-6
    columns = [
        (bijection.forward(x + step * unit)[0] - bijection.forward(x - step * unit)[0]) / (2 * step)
        for unit in np.eye(x.shape[1])
    ]
    numerical = np.linalg.slogdet(np.stack(columns, axis=2))[1]
    np.testing.assert_allclose(bijection.forward(x)[1], numerical, atol=1e-5)


@EXAMPLES
@given(
    pt=st.tuples(st.floats(1e-3, 1e4), st.floats(1e-3, 1e4)),
    eta=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    phi=st.tuples(st.floats(-PI, PI), st.floats(-PI, PI)),
)
def test_any_mass_maps_back(pt, eta, phi):
    x = np.array([[pt[0], eta[0], phi[0], pt[1], eta[1], phi[1]]])
    if abs(eta[0] - eta[1]) < 1e-6 and abs(np.sin((phi[0] - phi[1]) / 2)) < 1e-6:
        return
    bijection = MassInPlace((0, 3), (1, 4), (2, 5))
    z, log_determinant = bijection.forward(x)
    assert np.isfinite(log_determinant).all()
    np.testing.assert_allclose(bijection.inverse(z), x, rtol=1e-9)


@EXAMPLES
@given(st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3))
def test_any_parts_and_shares_map_back(amounts):
    x = np.array([amounts])
    parts = Fractions((0, 1, 2))
    np.testing.assert_allclose(parts.inverse(parts.forward(x)[0]), x, rtol=1e-9)
    share = x / (x.sum() + min(amounts))
    ratios = LogRatios((0, 1, 2))
    np.testing.assert_allclose(ratios.inverse(ratios.forward(share)[0]), share, rtol=1e-5)


@EXAMPLES
@given(z=st.lists(st.floats(-800, 800), min_size=3, max_size=3))
def test_no_sample_leaves_the_simplex(z):
    drawn = LogRatios((0, 1, 2)).inverse(np.array([z]))
    assert (drawn >= 0).all()
    assert drawn.sum() <= 1 + 1e-12


def test_the_mass_is_the_mass():
    z, _ = MassInPlace.fit(pair(), PAIR, PAIR, {}).forward(pair())
    np.testing.assert_allclose(z[:, 0], mass(pair()), rtol=1e-9)
    degrees = pair() * [1, 1, 180 / PI, 1, 1, 180 / PI]
    there = MassInPlace.fit(degrees, PAIR, PAIR, {"phi1": 360, "phi2": 360}).forward(degrees)[0]
    np.testing.assert_allclose(there[:, 0], mass(pair()), rtol=1e-9)


@pytest.mark.parametrize(
    "row", [[0, 0, 0, 1, 1, 1], [-5, 0, 0, 1, 1, 1], [5, 1, 2, 5, 1, 2], [5, np.inf, 0, 5, 1, 2]]
)
def test_no_density_where_there_is_no_mass(row):
    z, log_determinant = EVERY["mass"][0].forward(np.array([row, pair()[0]], dtype=float))
    assert log_determinant[0] == -np.inf
    assert np.isfinite(log_determinant[1])
    assert np.isfinite(z[:, 0]).all()


@pytest.mark.parametrize("name", ["shares", "parts"])
@pytest.mark.parametrize("row", [[0, 0.1, 0.1], [-0.1, 0.1, 0.1], [np.inf, 0.1, 0.1]])
def test_no_density_outside_the_simplex(name, row):
    z, log_determinant = EVERY[name][0].forward(np.array([row, [0.2, 0.3, 0.1]]))
    assert log_determinant[0] == -np.inf
    assert np.isfinite(log_determinant[1])
    assert np.isfinite(z).all()
    assert LogRatios((0, 1)).forward(np.array([[0.6, 0.5]]))[1] == -np.inf


def changed(x, column, rows, value):
    x = x.copy()
    x[:rows, column] = value
    return x


@pytest.mark.parametrize(
    ("x", "names", "across", "message"),
    [
        (
            changed(pair(), 3, 7, 0),
            PAIR,
            {"mass": PAIR},
            r"mass in place of 'pt1': feature 'pt2' is zero or below in 7 of 500 events",
        ),
        (
            np.tile(pair(), 2)[:, [0, 1, 2, 3, 1, 2]],
            PAIR,
            {"mass": PAIR},
            r"is zero, or no number, in 500 of 500 .* different directions",
        ),
        (
            pair() * [1, 1, 57.3, 1, 1, 57.3],
            PAIR,
            {"mass": PAIR},
            r"feature 'phi1' lies beyond \+-6.28319 in \d+ of 500 .*360",
        ),
        (
            changed(shares(), 1, 3, 0),
            SHARES,
            {"shares": SHARES},
            r"feature 'b' is not above zero and at most one in 3 of 500",
        ),
        (
            changed(shares(), 0, 2, 1.2),
            SHARES,
            {"shares": SHARES},
            r"feature 'a' is not above zero and at most one in 2 of 500",
        ),
        (
            changed(shares(), 0, 2, 0.9999),
            SHARES,
            {"shares": SHARES},
            r"add up to one or more in 2 of 500 events",
        ),
        (
            shares() / shares().sum(1, keepdims=True),
            SHARES,
            {"shares": SHARES},
            r"'a', 'b', 'c' add up to one: .*Leave one out",
        ),
        (
            shares() / shares().sum(1, keepdims=True),
            SHARES,
            {"parts": SHARES},
            r"add up to 1 in all 500 events.*Leave one out",
        ),
        (
            changed(parts_of_a_total(), 2, 5, -1),
            SHARES,
            {"parts": SHARES},
            r"feature 'c' is zero or below in 5 of 500",
        ),
    ],
)
def test_rows_outside_a_domain_are_named(x, names, across, message):
    with pytest.raises(InputError, match=message):
        logit_preprocessing(x, names, across=(across,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"across": ({"mas": PAIR},)}, r"no 'mas': did you mean 'mass'"),
        ({"across": ("mass",)}, r"'mass'; expected one of mass, relative, shares, parts with its features"),
        ({"across": ({"mass": [*PAIR[:5], "phi3"]},)}, r"mass: no feature 'phi3': did you mean"),
        ({"across": ({"mass": PAIR[:4]},)}, r"mass: pt1, eta1, phi1, pt2; expected pt1, eta1"),
        ({"across": ({"mass": "pt1"},)}, r"mass of 'pt1'; expected a list"),
        ({"across": ({"shares": ["pt1", "pt1"]},)}, r"each once"),
        ({"across": ({"parts": ["pt1"]},)}, r"parts: pt1; expected two features or more"),
        ({"across": ({"relative": ["phi1"]},)}, r"relative: phi1; expected two features"),
        (
            {"across": ({"relative": ["phi1", "phi2"]},), "periodic": ["phi1"]},
            r"periods 6.28319 and 0 .*the same",
        ),
        (
            {"across": ({"mass": PAIR},), "periodic": {"phi1": 2 * PI, "phi2": 7.0}},
            r"periods .* expected one",
        ),
        ({"periodic": ["phi3"]}, r"no feature 'phi3' with a period"),
        ({"periodic": {"phi1": -1}}, r"'phi1' has the period -1; expected a number above zero"),
        (
            {"periodic": ["phi1"], "logarithm": ["phi1"]},
            r"'phi1' has a period, and is said to be discrete or",
        ),
        ({"ranks": "some"}, r"ranks: 'some'; expected one of quantiles, smooth, all"),
    ],
)
def test_settings_that_make_no_sense(options, message):
    with pytest.raises(ConfigError, match=message):
        logit_preprocessing(pair(), PAIR, **options)


@pytest.mark.parametrize("low", [-PI, 0.0])
@pytest.mark.parametrize("centre", [-3.0, 0.0, 1.0, 3.1])
def test_a_peak_of_angles_is_not_cut(low, centre):
    angles = low + np.mod(np.random.default_rng(1).normal(centre, 0.5, (2000, 1)) - low, 2 * PI)
    part = Periodic.fit(angles, ("phi",), {"phi": 2 * PI})
    z, _ = part.forward(angles)
    assert np.ptp(z) < 5
    assert (z >= part.cut).all()
    assert (z < part.cut + 2 * PI).all()
    assert np.std(z) == pytest.approx(0.5, rel=0.05)
    np.testing.assert_allclose(part.inverse(z), angles, atol=1e-14)
    np.testing.assert_array_equal(part.forward(angles + 2 * PI)[0].round(9), z.round(9))
    back = part.inverse(part.cut + np.random.default_rng(2).random((2000, 1)) * 2 * PI)
    assert back.min() >= low
    assert back.max() <= low + 2 * PI


def test_angles_come_back_in_the_range_of_the_rows_to_the_last_bit():
    ends = Periodic(np.array([0.3]), np.array([2 * PI]), np.array([-PI])).inverse(
        np.array([[-PI], [PI], [-1e-300], [0.7]])
    )
    assert ends[:, 0].tolist() == [PI, PI, -1e-300, 0.7]  # (-pi, pi]
    ends = Periodic(np.array([0.3]), np.array([2 * PI]), np.array([0.0])).inverse(
        np.array([[0.0], [2 * PI], [-1e-300]])
    )
    assert ends[0, 0] == ends[1, 0] == 0.0  # [0, 2 pi)
    assert 0 <= ends[2, 0] < 2 * PI


def test_angles_are_bounded_by_their_period_alone():
    x = pair()
    chain = logit_preprocessing(x, PAIR, periodic=("phi1", "phi2"))
    (logit,) = (part for part in chain.parts if isinstance(part, MinMaxLogit))
    np.testing.assert_allclose((logit.high - logit.low)[[2, 5]], 2 * PI, rtol=1e-15)
    anywhere = np.tile(x[:1], (1000, 1))
    anywhere[:, 2] = np.linspace(-10, 10, 1000)
    assert np.isfinite(chain.forward(anywhere)[1]).all()


def test_angles_that_do_not_fit_their_period_are_named():
    degrees = pair() * [1, 1, 180 / PI, 1, 1, 1]
    with pytest.raises(
        InputError, match=r"'phi1' has the period 6.28319, but runs from -1\d\d.* to 1\d\d.*360, if these"
    ):
        logit_preprocessing(degrees, PAIR, periodic=("phi1",))
    rounded = pair()
    rounded[:2, 2] = 3.142, -3.142  # as three decimals have pi
    assert np.isfinite(logit_preprocessing(rounded, PAIR, periodic=("phi1",)).forward(rounded)[1]).all()


def test_the_middle_of_a_gap_is_cut():
    angles = np.random.default_rng(1).uniform(-1, 1, (500, 1))
    part = Periodic.fit(angles, ("phi",), {"phi": 2 * PI})
    assert abs(part.inverse(part.cut[None])[0, 0]) == pytest.approx(PI, abs=0.15)


def test_ranks_of_all_rows():
    x = np.random.default_rng(1).exponential(1, (999, 1))
    ranks = GaussRank.of_all(x)
    z, log_determinant = ranks.forward(x)
    assert abs(z.mean()) < 0.01
    assert z.std() == pytest.approx(1, abs=0.01)
    assert np.isfinite(log_determinant).all()
    np.testing.assert_allclose(ranks.inverse(z), x, rtol=1e-9)
    tied = np.repeat(x[:50], 20, axis=0)
    np.testing.assert_allclose(GaussRank.of_all(tied).inverse(GaussRank.of_all(tied).forward(tied)[0]), tied)


def test_a_density_with_all_of_it_comes_back_from_a_file(tmp_path):
    x = np.concatenate([pair(400), shares(400)], axis=1)
    names = (*PAIR, *SHARES)
    options = {
        "periodic": {"phi1": 2 * PI, "phi2": 2 * PI},
        "across": ({"mass": PAIR}, {"relative": ("phi2", "phi1")}, {"shares": SHARES}),
        "logarithm": ("pt2",),
        "ranks": "all",
    }
    density = ConditionalDensity(
        partial(spline_autoregressive, layers=2, hidden=8),
        TrainingPlan(epochs=2, batch_size=128),
        1,
        partial(logit_preprocessing, **options),
    ).fit(x, names=names, seed=1)
    save_weights(tmp_path / "w.safetensors", density)
    back = load_weights(tmp_path / "w.safetensors", ConditionalDensity)
    np.testing.assert_array_equal(back.log_prob(x), density.log_prob(x))
    drawn = density.sample(300, seed=2)
    np.testing.assert_array_equal(back.sample(300, seed=2), drawn)
    assert mass(drawn).max() <= 1.01 * mass(x).max()
    assert np.abs(drawn[:, [2, 5]]).max() <= PI
    assert drawn[:, 6:].sum(axis=1).max() < 1
    again = back.fit(x, names=names, seed=1)  # the recipe is there, too
    np.testing.assert_array_equal(again.log_prob(x), density.log_prob(x))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_no_density_at_infinity(value):
    x = pair()
    chain = logit_preprocessing(
        x, PAIR, periodic=("phi1", "phi2"), across=({"mass": PAIR}, {"relative": ("phi2", "phi1")})
    )
    for column in range(6):
        there = x[:3].copy()
        there[1, column] = value
        z, log_determinant = chain.forward(there)
        assert np.isfinite(z).all()
        assert np.isfinite(log_determinant).tolist() == [True, False, True]
