"""Models whose fits have a closed form."""

import numpy as np
import pytest

from hepflow.stats import Profile, open_workspace

MANY = 1e8  # events, so that Poisson is Gaussian to a part in ten thousand


@pytest.fixture
def profile(counting):
    """Return a function that fits independent bins: signal, background, its errors, data."""

    def make(signal, background, errors, observed, **options):
        return Profile(*open_workspace(counting(signal, background, errors, observed)), **options)

    return make


class Gaussian:
    """A linear model of many events: rate = mu s + b + sum_k alpha_k d_k in five bins."""

    signal = MANY * np.array([0.0, 0.01, 0.05, 0.01, 0.0])
    background = MANY * np.array([3.0, 2.5, 2.0, 1.5, 1.0])
    shifts = MANY * np.array(
        [[3e-4, 2e-4, 1e-4, 0.0, -1e-4], [0.0, 1e-4, 3e-4, 1e-4, 0.0], [1e-4, -1e-4, 1e-4, -1e-4, 1e-4]]
    )
    names = ("tilt", "a_bump_like_the_signal", "zigzag")

    def __init__(self):
        rates = self.signal + self.background
        self.observed = rates + self.shifts.T @ [0.5, -0.3, 1.0] + np.sqrt(rates) * [1, -1, 0.5, 0, -0.5]
        jacobian = np.column_stack([self.signal, self.shifts.T])
        self.covariance = np.linalg.inv((jacobian.T / self.observed) @ jacobian + np.diag([0.0, 1, 1, 1]))

    def spec(self):
        """Return the workspace; its parameters in the order of `covariance` are mu and `names`."""
        modifiers = [
            {
                "name": name,
                "type": "histosys",
                "data": {
                    "hi_data": (self.background + shift).tolist(),
                    "lo_data": (self.background - shift).tolist(),
                },
            }
            for name, shift in zip(self.names, self.shifts, strict=True)
        ]
        mu = {"name": "mu", "type": "normfactor", "data": None}
        samples = [
            {"name": "signal", "data": self.signal.tolist(), "modifiers": [mu]},
            {"name": "background", "data": self.background.tolist(), "modifiers": modifiers},
        ]
        return {
            "channels": [{"name": "bins", "samples": samples}],
            "observations": [{"name": "bins", "data": self.observed.tolist()}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}],
            "version": "1.0.0",
        }


@pytest.fixture(scope="session")
def gaussian():
    return Gaussian()


@pytest.fixture(scope="session")
def gaussian_fit(gaussian):
    return Profile(*open_workspace(gaussian.spec()))


@pytest.fixture
def two_free_factors():
    """Return a function that makes the background two samples with a free factor each: only the sum is known."""

    def split(spec):
        samples = spec["channels"][0]["samples"]
        samples.append({"name": "rest", "data": samples[1]["data"]})
        for sample in samples[1:]:
            factor = {"name": f"{sample['name']}_norm", "type": "normfactor", "data": None}
            sample["modifiers"] = [factor]

    return split
