"""p-values: flat without a difference, small with one; and errors that are right."""

import numpy as np
import pytest
from scipy import stats

import hepflow as hf
from hepflow.twosample import ClassifierTest

EACH = [
    "ks",
    "wasserstein",
    "kl",
    "hellinger",
    "chi2",
    "sliced_wasserstein",
    "mmd",
    "frechet",
    "correlations",
]


class Shift:
    """A classifier that knows one thing: in which direction the mean of the first feature differs."""

    def fit(self, numerator, denominator, seed):
        self.slope = np.average(numerator.features[:, 0], weights=numerator.weight)
        self.slope -= np.average(denominator.features[:, 0], weights=denominator.weight)
        return self

    def log_ratio(self, sample):
        return self.slope * sample.features[:, 0]


def p_values(pairs, events, tests, replicas=99, weighted=False, seed=0):
    """Return the p-values of each test over pairs without a difference, by test, and the global ones."""
    found = {}
    for pair in range(pairs):
        random = np.random.default_rng([seed, pair])
        a = random.normal(size=(events, 2))
        weight = None
        if weighted:  # events of another density, weighted to this one
            b = random.normal(0.5, 1.2, size=(2 * events, 2))
            weight = np.exp(np.sum(-(b**2) / 2 + (b - 0.5) ** 2 / 2 / 1.2**2, axis=1))
        else:
            b = random.normal(size=(events + 50, 2))
        result = hf.two_sample(a, b, weight_b=weight, tests=tests, replicas=replicas, seed=pair)
        for one in result.differences:
            if one.feature in (None, "x0"):
                found.setdefault(one.test, []).append(one.p_value)
        found.setdefault("global", []).append(result.global_p)
    return found


def flat(p, replicas=99):
    """Return the p-value of Kolmogorov and Smirnov for a flat distribution; p-values of replicas have steps."""
    steps = np.random.default_rng(1).uniform(0, 1 / (replicas + 1), len(p))
    return stats.kstest(np.maximum(np.array(p) - steps, 0.0), "uniform").pvalue


def test_flat_without_a_difference():
    found = p_values(24, 200, [*EACH, ClassifierTest(Shift())], replicas=39)
    assert len(found) == 11
    for name, p in found.items():
        assert flat(p, 39) > 0.001, name


def test_flat_with_weights():
    found = p_values(20, 250, ["ks", "chi2", "frechet", ClassifierTest(Shift())], 39, weighted=True)
    for name, p in found.items():
        assert flat(p, 39) > 0.001, name


def test_a_cross_fit_is_trained_anew():
    """Scores of a cross-fit share events: exchanging labels under them gives p-values that are too small."""
    honest, naive = [], []
    for pair in range(30):
        random = np.random.default_rng(pair)
        samples = [random.normal(size=(200, 1)) for _ in range(2)]
        test = ClassifierTest(Shift(), folds=2)
        honest.append(hf.two_sample(*samples, tests=[test], replicas=19, seed=pair).differences[0].p_value)
        held = Fixed(Shift(), folds=2)
        naive.append(hf.two_sample(*samples, tests=[held], replicas=19, seed=pair).differences[0].p_value)
    assert flat(honest, 19) > 0.001
    assert np.std(naive) > np.std(honest) > 0.2  # both ends: 0.29 is flat


class Fixed(ClassifierTest):
    def anew(self, pooled, measure, seed):
        return measure


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("weighted", [False, True])
def test_flat_over_many_pairs(weighted):
    found = p_values(500, 400 if weighted else 200, [*EACH, ClassifierTest(Shift())], 99, weighted, seed=9)
    level = {name: flat(p) for name, p in found.items()}
    assert all(p > 0.01 / len(level) for p in level.values()), level


def test_a_shift_is_seen():
    """0.1 standard deviations of one feature of three, in 10,000 events."""
    random = np.random.default_rng(1)
    a, b = (random.normal(size=(10_000, 3)) for _ in range(2))
    b[:, 1] += 0.1
    found = hf.two_sample(a, b, tests=["ks", "chi2", "frechet"], replicas=49, seed=1)
    assert found["Kolmogorov-Smirnov", "x1"].p_value < 1e-4
    assert found["chi2 / ndf", "x1"].p_value < 1e-3
    assert found["Frechet"].beyond
    assert found.global_p == 0.02
    assert found.smallest.feature == "x1"
    assert found["Kolmogorov-Smirnov", "x0"].p_value > 0.01


def test_what_features_alone_do_not_show():
    """A correlation: each feature is right, together they are not."""
    random = np.random.default_rng(2)
    a, b = (random.normal(size=(2000, 2)) for _ in range(2))
    b[:, 1] = 0.4 * b[:, 0] + np.sqrt(1 - 0.4**2) * b[:, 1]
    found = hf.two_sample(a, b, replicas=19, seed=1)
    for one in found.differences:
        if one.feature is not None:
            assert one.p_value > 0.01
        elif one.test != "sliced Wasserstein":
            assert one.beyond, one


def test_errors_are_those_of_new_samples():
    values, errors = {}, {}
    for pair in range(40):
        random = np.random.default_rng(pair)
        a, b = random.normal(size=(400, 2)), random.normal(0.6, 1.3, size=(500, 2))
        tests = ["ks", "wasserstein", "hellinger", "frechet"]
        for one in hf.two_sample(a, b, tests=tests, replicas=25, seed=pair).differences:
            if one.feature in (None, "x0"):
                values.setdefault(one.test, []).append(one.value)
                errors.setdefault(one.test, []).append(one.error)
    for name, found in values.items():
        assert 0.7 < np.mean(errors[name]) / np.std(found) < 1.4, name
