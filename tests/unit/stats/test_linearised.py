"""Smooth backgrounds as workspaces: close to the fit of the function itself."""

from functools import partial

import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.export import signal_patches
from hepflow.stats import MassScan, Profile, discovery, gaussian_signal, open_workspace, upper_limit

EDGES = np.linspace(2500.0, 5500.0, 61)


@pytest.fixture
def scan():
    """Three masses on a falling spectrum with a small bump."""
    x = 0.5 * (EDGES[1:] + EDGES[:-1]) / 13_000
    shape = (1 - x) ** 17 / x**2
    bump = gaussian_signal(EDGES, 3500, 105, 300).counts
    counts = np.random.default_rng(5).poisson(60_000 * shape / shape.sum() + bump)
    return partial(
        MassScan,
        EDGES,
        counts,
        [3000, 3500, 4300],
        lambda m: partial(gaussian_signal, mass=m, width=0.03 * m),
    )


def test_limits_and_significance_are_those_of_the_function(scan):
    found = scan().run(calculator="asymptotic")
    for i, (mass, spec) in enumerate(scan().workspaces()):
        assert mass == found.mass[i]
        profile = Profile(*open_workspace(spec))
        limit = upper_limit(profile)
        assert limit.observed == pytest.approx(found.mu_up_obs[i], rel=0.01)
        assert limit.expected == pytest.approx(found.mu_up_exp[i], rel=0.01)
        assert discovery(profile).z == pytest.approx(found.z[i], abs=0.03)


def test_a_patchset_holds_all_masses(scan):
    points = scan().workspaces()
    patches = signal_patches(points)
    assert len(patches.patchset["patches"]) == len(points)


def test_windows_of_their_own_have_no_common_background(scan):
    with pytest.raises(ConfigError, match="half_range"):
        scan(half_range=0.3).workspaces()
