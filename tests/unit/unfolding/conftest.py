"""A normal distribution that a detector smears, with an efficiency and fakes."""

import numpy as np
import pytest

from hepflow.unfolding import Pairs

EVENTS = 6000


def seen(random, x, smearing=0.5):
    """Return measured values, and whether they are there: more often for large ones."""
    return random.normal(x, smearing), random.random(len(x)) < 0.3 + 0.6 / (1 + np.exp(-2 * x))


def smeared(seed, mean=0.2, width=0.8, events=EVENTS, fakes=0):
    """Return pairs of N(0, 1), measured data of N(mean, width), and what these were."""
    random = np.random.default_rng(seed)
    simulated, true = random.normal(0, 1, events), random.normal(mean, width, events)
    (y, passes), (data, there) = seen(random, simulated), seen(random, true)
    own, other = random.normal(0, 1.5, (2, fakes))
    table = {
        "x": np.concatenate([simulated, np.full(fakes, np.nan)]),
        "y": np.concatenate([np.where(passes, y, np.nan), own]),
    }
    pairs = Pairs.of(
        table,
        truth=["x"],
        reco=["y"],
        pass_truth=np.arange(events + fakes) < events,
        pass_reco=np.concatenate([passes, np.ones(fakes, bool)]),
    )
    return pairs, {"y": np.concatenate([data[there], other])}, true


@pytest.fixture(scope="session")
def case():
    return smeared(1, fakes=400)
