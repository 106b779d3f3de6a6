"""The smooth ratio: known densities, cross-validation, and files."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from hepflow.classifiers import SmoothRatio, table
from hepflow.classifiers.smooth import _powers
from hepflow.errors import ConfigError, FitError, InputError
from hepflow.selection import load_weights, save_weights


def normal(events, seed, mean, columns=1):
    return table(np.random.default_rng(seed).normal(mean, 1.0, (events, columns)))


def test_the_ratio_of_shifted_normals_is_found():
    ratio = SmoothRatio().fit(normal(6000, 1, 0.5), normal(6000, 2, 0.0), seed=1)
    x = np.linspace(-1.5, 2, 20)
    np.testing.assert_allclose(ratio.log_ratio(table(x[:, None])), x / 2 - 1 / 8, atol=0.15)


def test_correlations_are_found():
    random = np.random.default_rng(1)
    flat = random.normal(size=(4000, 3))
    bent = random.normal(size=(4000, 3))
    bent[:, 1] = 0.6 * bent[:, 0] + 0.8 * bent[:, 1]
    ratio = SmoothRatio(degree=4).fit(table(bent), table(flat), seed=1)
    same, opposite = ratio.log_ratio(table(np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])))
    assert same > 0.2
    assert opposite < -0.8


def test_without_a_difference_cross_validation_takes_a_stiff_one():
    ratio = SmoothRatio(degree=8).fit(normal(4000, 1, 0.0), normal(4000, 2, 0.0), seed=1)
    assert ratio.chosen >= 100
    assert np.std(ratio.log_ratio(normal(1000, 3, 0.0))) < 0.05


def test_weights_are_respected():
    a, b = normal(6000, 1, 0.0), normal(6000, 2, 0.0)
    weight = np.exp(0.5 * a.features[:, 0] - 0.125)
    ratio = SmoothRatio(degree=5).fit(table(a.features, 7 * weight), b, seed=1)
    low, high = ratio.log_ratio(table(np.array([[-1.0], [1.0]])))
    assert high - low == pytest.approx(1.0, abs=0.15)


def test_terms_stay_few_in_many_columns():
    for columns in (1, 2, 3, 6, 10):
        powers = _powers(columns, 24)
        assert len(powers) <= 210
        assert len(np.unique(powers, axis=0)) == len(powers)


def test_it_is_kept_in_files(tmp_path):
    ratio = SmoothRatio(degree=4).fit(normal(500, 1, 0.5, 2), normal(500, 2, 0.0, 2), seed=1)
    save_weights(tmp_path / "ratio.safetensors", ratio)
    back = load_weights(tmp_path / "ratio.safetensors", SmoothRatio)
    other = normal(100, 3, 0.0, 2)
    np.testing.assert_array_equal(back.log_ratio(other), ratio.log_ratio(other))
    assert back.chosen == ratio.chosen


def test_what_cannot_be_learned_is_refused():
    a, b = normal(400, 1, 0.0), normal(400, 2, 0.0)
    with pytest.raises(ConfigError, match="not been trained"):
        SmoothRatio().log_ratio(a)
    with pytest.raises(ConfigError, match="not been trained"):
        SmoothRatio().state()
    with pytest.raises(ConfigError, match="positive number"):
        SmoothRatio(ridge=0.0)
    with pytest.raises(InputError, match="worth 50 and 400 events"):
        SmoothRatio().fit(a.select(slice(50)), b, seed=1)
    spoilt = table(np.where(np.arange(400)[:, None] == 7, np.nan, a.features))
    with pytest.raises(InputError, match="feature 'x0' holds NaN"):
        SmoothRatio().fit(spoilt, b, seed=1)
    weight = np.where(a.features[:, 0] > 0, -0.9, 1.0)
    weight *= 1 / weight.mean()
    with pytest.raises((FitError, InputError)):
        SmoothRatio(ridge=1e-6).fit(table(a.features, weight), b, seed=1)


def test_moments_find_means_and_correlations_far_out(tmp_path):
    random = np.random.default_rng(1)
    plain, other = np.array([[1.0, 0.3], [0.3, 1.0]]), np.array([[0.8, 0.4], [0.4, 0.9]])
    x, y = (
        random.multivariate_normal([0, 0], plain, 20_000),
        random.multivariate_normal([0.2, 0], other, 20_000),
    )
    ratio = SmoothRatio(4, moments=True).fit(table(y), table(x), seed=1)
    far = np.array([[2.5, 2.5], [-2.5, -2.5], [2.5, 0.0]])
    exact = multivariate_normal([0.2, 0], other).logpdf(far) - multivariate_normal([0, 0], plain).logpdf(far)
    assert ratio.log_ratio(far) == pytest.approx(exact, abs=0.25)
    save_weights(tmp_path / "r.safetensors", ratio)
    back = load_weights(tmp_path / "r.safetensors", SmoothRatio)
    assert np.array_equal(back.log_ratio(far), ratio.log_ratio(far))
