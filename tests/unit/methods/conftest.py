"""Fixtures for tests of the methods."""

import numpy as np
import pytest

from hepflow.regions import Windows


@pytest.fixture(scope="session")
def pythia(shared_data):
    """Return data, other data to compare a template with, a simulation that differs from them, and the regions."""
    from hepflow import features, read

    names = ("m_J1", "dm_J", "tau21_J1", "tau21_J2", "dR_JJ")
    data, simulation = (
        features(read(shared_data(f"pythia/{what}.h5"), "lhco"), names) for what in ("data", "simulation")
    )
    random = np.random.default_rng(1)
    picked = random.random(len(data)) < 0.4  # 77,000 events in the sidebands
    simulation = simulation.select(random.random(len(simulation)) < 0.55)  # 130,000 in all regions
    windows = Windows((3300, 3700), [(2900, 3300), (3700, 4500)])
    return data.select(picked), data.select(~picked).window(*windows.signal), simulation, windows
