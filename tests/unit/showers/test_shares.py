"""Shares: log-ratios of parts, and the same parts back."""

import numpy as np

from hepflow.showers.shares import Shares


def parts(count=500, seed=1):
    random = np.random.default_rng(seed)
    drawn = random.gamma(0.5, 0.05, (count, 6))
    return np.where(drawn > 0.01, drawn, 0.0)


def test_parts_come_back_zeros_and_all():
    given = parts()
    given[0] = 0.0
    given[1] = [0, 0, 0.02, 0, 0, 0]
    shares = Shares.fit(given, 0.01)
    ratios = shares.ratios(given, np.random.default_rng(2))
    assert ratios.shape == (500, 5)
    assert np.isfinite(ratios).all()
    back = shares.parts(ratios, given.sum(axis=1))
    np.testing.assert_allclose(back, given, rtol=1e-12)
    assert np.array_equal(back > 0, given > 0)


def test_any_log_ratios_make_parts_of_the_total_above_the_threshold():
    random = np.random.default_rng(3)
    shares = Shares(2, 0.01)
    total = np.append(random.uniform(0.01, 3.0, 400), 0.0)
    made = shares.parts(random.normal(0, 4.0, (401, 5)), total)
    np.testing.assert_allclose(made.sum(axis=1), total)
    assert made[made > 0].min() > 0.01
