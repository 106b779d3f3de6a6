"""Densities with known entropies: what a flow learns of them, in nats, and what it samples."""

from functools import partial

import numpy as np
import pytest
from scipy import optimize, stats

from hepflow.flows import Density, TrainingPlan, spline_autoregressive
from hepflow.flows.preprocess import Standardise, logit_preprocessing
from hepflow.sample import Sample

FLOW = partial(spline_autoregressive, layers=3, hidden=32, bins=10)
PLAN = TrainingPlan(epochs=20, batch_size=512, learning_rate=5e-3, best_epochs=3)
EVENTS = 20_000


def mixture(m, random):
    """Two Gaussians 4 apart, both of which move with m."""
    centre = 2e-3 * m + random.choice([-2.0, 2.0], len(m))
    return random.normal(centre, 0.5)[:, None]


def mixture_log(x, m):
    return np.logaddexp(*(stats.norm.logpdf(x[:, 0], 2e-3 * m + at, 0.5) for at in (-2, 2))) - np.log(2)


def exponential(m, random):
    """A truncated exponential, whose mean moves with m."""
    return stats.truncexpon(600 / (0.03 * m), scale=0.03 * m).rvs(random_state=random)[:, None]


def exponential_log(x, m):
    return stats.truncexpon(600 / (0.03 * m), scale=0.03 * m).logpdf(x[:, 0])


def correlated(m, random):
    first = random.normal(0.1 * m, 50)
    return np.stack([first, random.normal(0.8 * first - 0.05 * m, 30)], axis=1)


def correlated_log(x, m):
    return stats.norm.logpdf(x[:, 0], 0.1 * m, 50) + stats.norm.logpdf(x[:, 1], 0.8 * x[:, 0] - 0.05 * m, 30)


def standardised(x, names):
    return Standardise.fit(x)


def learn(draw, preprocessing, seed=1):
    random = np.random.default_rng(seed)
    mass = random.uniform(2500, 5000, EVENTS)
    x = draw(mass, random)
    names = tuple(f"x{k}" for k in range(x.shape[1]))
    density = Density(FLOW, PLAN, members=1, preprocessing=preprocessing)
    return density.fit(Sample(mass, x, names), seed=seed)


@pytest.mark.parametrize(
    ("draw", "exact", "preprocessing"),
    [
        (mixture, mixture_log, standardised),
        (correlated, correlated_log, standardised),
        (exponential, exponential_log, logit_preprocessing),
    ],
    ids=["two Gaussians", "correlated", "truncated exponential"],
)
def test_within_a_hundredth_of_a_nat(draw, exact, preprocessing):
    """Kullback-Leibler divergence from the truth, measured on fresh events at masses never left out."""
    density = learn(draw, preprocessing)
    random = np.random.default_rng(2)
    mass = random.uniform(2600, 4900, 40_000)
    x = draw(mass, random)
    found = density.log_prob(x, mass)
    inside = np.isfinite(found)  # events beyond the largest of the training have no density
    assert inside.mean() > 0.9995
    difference = (exact(x, mass) - found)[inside]
    error = difference.std() / np.sqrt(len(difference))
    assert difference.mean() < 0.01 + 2 * error
    assert difference.mean() > -4 * error  # nothing is better than the truth


def test_the_width_of_a_breit_wigner():
    """A resonance of 91.2 GeV with a width of 2.5 GeV between 60 and 120 GeV: the sampled width is the true one."""
    random = np.random.default_rng(3)
    line = stats.cauchy(91.2, 1.25)

    def draw(mass, random):
        low, high = line.cdf([60, 120])
        return line.ppf(random.uniform(low, high, len(mass)))[:, None]

    density = learn(draw, logit_preprocessing, seed=3)
    drawn = density.sample(np.full(20_000, 3500.0), seed=4)[:, 0]

    def negative_log(parameters, x):
        at, width = parameters
        cauchy = stats.cauchy(at, width / 2)
        return -np.sum(cauchy.logpdf(x) - np.log(cauchy.cdf(120) - cauchy.cdf(60)))

    def fitted(x):
        return optimize.minimize(negative_log, (91, 3), args=(x,), method="Nelder-Mead").x

    at, width = fitted(drawn)
    truth = draw(np.zeros(EVENTS), random)[:, 0]
    spread = np.std([fitted(random.choice(truth, EVENTS)) for _ in range(8)], axis=0)
    assert abs(at - 91.2) < 5 * spread[0]
    assert abs(width - 2.5) < 5 * np.hypot(spread[1], spread[1]) + 0.05


def test_two_moons():
    """The hard one: the loss of a kernel estimate on the same events is the bar."""
    random = np.random.default_rng(5)

    def draw(mass, random):
        angle, upper = random.uniform(0, np.pi, len(mass)), random.random(len(mass)) < 0.5
        x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
        y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
        return np.stack([x, y], axis=1) + 0.1 * random.normal(size=(len(mass), 2))

    density = learn(draw, standardised, seed=5)
    fresh = draw(np.zeros(5000), random)
    found = density.log_prob(fresh, np.full(5000, 3500.0))
    kernel = stats.gaussian_kde(draw(np.zeros(5000), random).T, bw_method=0.08).logpdf(fresh.T)
    assert np.mean(found) > np.mean(kernel) - 0.02
