"""Showers that the tests of this folder share."""

from functools import partial

import pytest

from hepflow.flows import TrainingPlan, spline_autoregressive
from hepflow.showers import Geometry, Layer, ShowerModel, simulate, toy_detector

SMALL = partial(spline_autoregressive, layers=1, hidden=8)


@pytest.fixture
def geometry():
    """Two layers with voxels, and one between them without."""
    return Geometry(
        "photon", (Layer(0, (0.0, 5.0, 20.0), 4), Layer(1, (0.0,), 1), Layer(2, (0.0, 9.0, 30.0, 40.0), 1))
    )


@pytest.fixture(scope="session")
def showers():
    return simulate(toy_detector(), 1500, seed=1)


@pytest.fixture(scope="session")
def model(showers):
    plan = TrainingPlan(epochs=3, batch_size=100, learning_rate=0.01, best_epochs=1)
    return ShowerModel(SMALL, plan).fit(showers, seed=1)
