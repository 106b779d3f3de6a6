"""Distances of two normal distributions, against closed forms and scipy."""

import numpy as np
import pytest
from scipy import stats

import hepflow as hf
from hepflow import twosample
from hepflow.twosample import Pooled

N = 20_000
SHIFT, WIDTH = 0.5, 1.3  # of the second sample
KL = np.log(WIDTH) + (1 + SHIFT**2) / (2 * WIDTH**2) - 0.5
HELLINGER = np.sqrt(1 - np.sqrt(2 * WIDTH / (1 + WIDTH**2)) * np.exp(-(SHIFT**2) / 4 / (1 + WIDTH**2)))


def normal(seed, shift=0.0, width=1.0, columns=1, events=N):
    return np.random.default_rng(seed).normal(shift, width, (events, columns))


def only(tests, *samples, **options):
    found = hf.two_sample(*samples, tests=tests, replicas=40, seed=1, **options)
    return found.differences if len(found.differences) > 1 else found.differences[0]


@pytest.mark.parametrize(
    ("test", "truth"),
    [
        (twosample.KullbackLeibler(bins=60), KL),
        (twosample.Hellinger(bins=60), HELLINGER),
    ],
    ids=["kl", "hellinger"],
)
def test_closed_forms_of_densities(test, truth):
    found = only([test], normal(1), normal(2, SHIFT, WIDTH))
    assert found.error < 0.06 * truth
    assert abs(found.value - truth) < 3 * found.error


def test_closed_forms_of_distances():
    """Of a shift alone, Wasserstein is the shift; KS is known for any pair."""
    a, b = normal(1), normal(2, SHIFT)
    area, ks = only(["wasserstein", "ks"], a, b)
    assert abs(area.value - SHIFT) < 3 * area.error
    assert abs(ks.value - (2 * stats.norm.cdf(SHIFT / 2) - 1)) < 3 * ks.error
    assert 0.005 < area.error < 0.02  # sqrt(2 / N) is 0.01


def test_frechet():
    """In units of the spread of both samples together, which the features are scaled to."""
    a, b = normal(1, columns=2), normal(2, columns=2)
    b[:, 0] = SHIFT + WIDTH * b[:, 0]
    spread = np.sqrt(0.5 * (1 + WIDTH**2) + SHIFT**2 / 4)
    found = only(["frechet"], a, b)
    assert abs(found.value - found.same - (SHIFT**2 + (WIDTH - 1) ** 2) / spread**2) < 3 * found.error


def test_frechet_of_correlated_features():
    """tr(S + I - 2 sqrt(S)) of correlation r: twice 2 - sqrt(1 + r) - sqrt(1 - r)."""
    a, b = normal(1, columns=2), normal(2, columns=2)
    b[:, 1] = 0.6 * b[:, 0] + 0.8 * b[:, 1]
    frechet, correlations = only(["frechet", "correlations"], a, b)
    assert abs(frechet.value - frechet.same - 2 * (2 - np.sqrt(1.6) - np.sqrt(0.4))) < 3 * frechet.error
    assert abs(correlations.value - 0.6) < 3 * correlations.error


def test_sliced_wasserstein():
    """Of a shift along one of two axes: its mean projection, 2 / pi, over the spread."""
    a, b = normal(1, columns=2), normal(2, columns=2)
    b[:, 0] += SHIFT
    spread = np.sqrt(1 + SHIFT**2 / 4)
    found = only([twosample.SlicedWasserstein(directions=200)], a[:1000], b[:1000])
    assert found.value == pytest.approx(2 / np.pi * SHIFT / spread, abs=3 * found.error + 0.02)


def test_mean_discrepancy():
    """Of a Gaussian kernel of width w and a shift d: 2 w / sqrt(w^2 + 2) (1 - exp(-d^2 / (2 w^2 + 4)))."""
    a, b = normal(1), normal(2, SHIFT)
    scale = np.sqrt(1 + SHIFT**2 / 4)
    w = 1.0 * scale
    truth = 2 * w / np.sqrt(w**2 + 2) * (1 - np.exp(-(SHIFT**2) / (2 * w**2 + 4)))
    found = only([twosample.MaximumMeanDiscrepancy(width=1.0, waves=2000)], a[:1500], b[:1500])
    assert found.value - found.same == pytest.approx(truth, abs=3 * found.error + 0.05 * truth)


def test_beside_scipy():
    a, b = normal(1, events=700)[:, 0], normal(2, 0.1, events=900)[:, 0]
    ks, area, chi2 = only(["ks", "wasserstein", twosample.ChiSquare(bins=2)], a[:, None], b[:, None])
    theirs = stats.ks_2samp(a, b, method="asymp")
    assert (ks.value, ks.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert area.value == pytest.approx(stats.wasserstein_distance(a, b))
    middle = np.sort(np.concatenate([a, b]))[800]
    counts = [[np.sum(x < middle), np.sum(x >= middle)] for x in (a, b)]
    theirs = stats.chi2_contingency(counts, correction=False)
    assert (chi2.value, chi2.p_value) == pytest.approx((theirs.statistic, theirs.pvalue))


def test_area_beside_scikit_learn():
    """The area under the curve and the accuracy are those of the scores, weights and ties respected."""
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    random = np.random.default_rng(1)
    pooled = Pooled.of(normal(1, events=300), normal(2, events=400), (random.random(300), None))
    scores, truth = random.normal(size=700).round(1), pooled.u > 0
    weight = pooled.u + pooled.v
    for score in ("auc", "accuracy"):
        measure = twosample.ClassifierTest(score=score)._measure(scores, slice(None))
        found = measure(pooled.u[:, None], pooled.v[:, None])[0]
        theirs = (
            roc_auc_score(truth, scores, sample_weight=weight)
            if score == "auc"
            else balanced_accuracy_score(truth, scores > 0, sample_weight=weight)
        )
        assert found == pytest.approx(theirs)


def test_weights_stand_for_events():
    """A density times a weight is another: all tests see what events of that density show."""
    x = np.random.default_rng(1).uniform(-4, 4, (40_000, 1))
    drawn = normal(2, events=8000)
    weight = np.exp(-0.5 * (x[:, 0] - SHIFT) ** 2)
    found = only(["ks", "wasserstein", "kl", "chi2"], drawn, x, weight_b=weight)
    truth = {"Kolmogorov-Smirnov": 2 * stats.norm.cdf(SHIFT / 2) - 1, "Wasserstein": SHIFT}
    truth["Kullback-Leibler"] = SHIFT**2 / 2
    for one in found:
        assert one.replicas == 40
        assert one.beyond
        if one.test in truth:
            assert abs(one.value - truth[one.test]) < 3.5 * one.error
