"""Ranks with a slope that has no steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hepflow.flows.bijections import GaussRank
from hepflow.flows.ranks import SmoothRank
from hepflow.weights import load_weights, save_weights


def rows(seed, events=2000):
    random = np.random.default_rng(seed)
    return np.column_stack([random.gamma(3.0, size=events), random.normal(size=events)])


@given(seed=st.integers(0, 1000), count=st.integers(3, 80))
def test_the_map_goes_back_and_its_slope_is_that_of_differences(seed, count):
    x = rows(seed, 400)
    rank = SmoothRank.fit(x, count)
    asked = np.concatenate([x, x.min(0, keepdims=True) - 1.0, x.max(0, keepdims=True) + 1.0])
    z, log_determinant = rank.forward(asked)
    np.testing.assert_allclose(rank.inverse(z), asked, rtol=1e-7, atol=1e-7)
    step = 1e-6
    slopes = (rank.forward(asked + step)[0] - rank.forward(asked - step)[0]) / (2 * step)
    away = np.abs(np.log(slopes).sum(axis=1) - log_determinant)
    assert np.median(away) < 1e-5
    assert away.max() < 0.1


def test_columns_become_normal():
    z, _ = SmoothRank.fit(rows(1, 50_000)).forward(rows(2, 50_000))
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(z.std(axis=0), 1.0, atol=0.02)


def test_the_slope_has_no_steps():
    x = np.linspace(*np.quantile(rows(3)[:, 0], [0.02, 0.98]), 20_001)
    steps = []
    for kind in (SmoothRank, GaussRank):
        z = kind.fit(rows(3)).forward(np.column_stack([x, x]))[0][:, 0]
        steps.append(np.abs(np.diff(np.log(np.diff(z)))).max())
    assert steps[0] < 0.01 < 0.1 < steps[1]


def test_a_sharp_peak_takes_more_knots_than_a_smooth_column():
    random = np.random.default_rng(5)
    peak = np.where(random.random(20_000) < 0.4, random.normal(1, 0.01, 20_000), random.gamma(2, size=20_000))
    peak_knots, smooth = SmoothRank.fit(np.column_stack([peak, random.normal(size=20_000)])).knots
    assert smooth.shape[1] < 30 < peak_knots.shape[1]


def test_a_column_on_one_value_is_mapped_all_the_same():
    x = np.zeros((1000, 1))
    x[-1] = 1.0
    rank = SmoothRank.fit(x)
    np.testing.assert_allclose(rank.inverse(rank.forward(x)[0]), x, atol=1e-12)


def test_it_is_kept_to_the_bit(tmp_path):
    rank = SmoothRank.fit(rows(4))
    save_weights(tmp_path / "rank.safetensors", rank)
    found = load_weights(tmp_path / "rank.safetensors", SmoothRank)
    for one, other in zip(rank.knots, found.knots, strict=True):
        np.testing.assert_array_equal(one, other)
