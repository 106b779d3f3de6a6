"""Fixtures that every test may use."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from scipy import stats

from hepflow.quantity import Quantity
from hepflow.regions import Windows
from hepflow.sample import Sample

settings.register_profile("hepflow", deadline=None)  # no test asserts on time
settings.load_profile("hepflow")


@pytest.fixture(scope="session")
def shared_data():
    """Return the path of a file in the folder of real data; the test is skipped where there is none."""
    folder = Path(os.environ.get("HEPFLOW_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))

    def find(relative):
        path = folder / relative
        if not path.exists():
            pytest.skip(f"no real data at {path}; set HEPFLOW_SHARED_DATA to their folder")
        return path

    return find


@pytest.fixture
def on_terminal(monkeypatch, capsys):
    """Return a function that calls another as on a terminal, bars without delay: its result, and what was shown."""

    def call(function):
        with monkeypatch.context() as patch:
            patch.setattr(sys.stderr, "isatty", lambda: True)
            patch.setattr("hepflow.progress.PATIENCE", 0.0)
            result = function()
        return result, capsys.readouterr().err

    return call


class Toy:
    """A search in miniature whose every density is known: a dijet mass, and three features that move with it.

    ``m_J1`` is exponential with a mean of 3 % of the mass, ``dm_J`` normal about ``0.5 m_J1 + 2 %`` of the mass,
    ``tau21`` follows a beta distribution. The signal is narrow in mass and features.
    """

    windows = Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 5000)])
    names = ("m_J1", "dm_J", "tau21")
    quantities = (Quantity("m_J1", unit="GeV"), Quantity("dm_J", unit="GeV"))

    def masses(self, events, random):
        """Draw from the dijet function ``(1 - x)^17 x^-2`` between 2500 and 5000 GeV."""
        grid = np.linspace(2500, 5000, 2001)
        x = 0.5 * (grid[1:] + grid[:-1]) / 13_000
        cumulative = np.append(0, np.cumsum((1 - x) ** 17 / x**2))
        return np.interp(random.random(events), cumulative / cumulative[-1], grid)

    def features(self, mass, random):
        """Draw background features at given masses, shape ``(N, 3)``."""
        first = random.exponential(0.03 * mass)
        second = random.normal(0.5 * first + 0.02 * mass, 40.0)
        return np.stack([first, second, random.beta(5, 4, len(mass))], axis=1)

    def log_prob(self, x, mass):
        """Return the exact log-density of background features at given masses."""
        total = stats.expon.logpdf(x[:, 0], scale=0.03 * mass)
        total += stats.norm.logpdf(x[:, 1], 0.5 * x[:, 0] + 0.02 * mass, 40.0)
        return total + stats.beta.logpdf(x[:, 2], 5, 4)

    def background(self, events, seed):
        """Draw a sample of background."""
        random = np.random.default_rng(seed)
        mass = self.masses(events, random)
        x, label = self.features(mass, random), np.zeros(events)
        return Sample(mass, x, self.names, label=label, quantities=self.quantities)

    def signal(self, events, seed):
        """Draw a sample of signal."""
        random = np.random.default_rng(seed)
        table = [random.normal(400, 15, events), random.normal(300, 15, events), random.beta(4, 16, events)]
        mass, label = random.normal(3500, 50, events), np.ones(events)
        return Sample(mass, np.stack(table, 1), self.names, label=label, quantities=self.quantities)


@pytest.fixture(scope="session")
def toy():
    """Return the search in miniature."""
    return Toy()
