"""Observables: energies, centres, widths and sparsity of showers whose answer is known."""

import numpy as np
import pytest

from hepflow.showers import Showers, observables
from hepflow.showers.observables import high_level, low_level


def test_two_voxels_have_the_centre_and_the_width_that_they_have(geometry):
    voxels = np.zeros((2, 11))
    voxels[0, [1, 5]] = 3.0, 1.0  # sectors at -135 and 45 degrees, both 12.5 mm away
    voxels[0, 9] = 2.0
    found = observables(Showers(np.array([10.0, 5.0]), voxels, geometry))
    assert found["response"] == pytest.approx([0.6, 0.0])
    assert found["energy_0"] == pytest.approx([4.0, 0.0])
    assert found["energy_2"] == pytest.approx([2.0, 0.0])
    assert found["sparsity_0"] == pytest.approx([0.75, 1.0])
    at = 12.5 * np.sqrt(0.5)
    for axis in ("eta", "phi"):
        assert found[f"center_{axis}_0"] == pytest.approx([-0.5 * at, 0.0])
        assert found[f"width_{axis}_0"] == pytest.approx([at * np.sqrt(0.75), 0.0])
    assert "center_eta_2" not in found  # a layer without sectors has none


def test_classifiers_see_what_the_challenge_shows_them(geometry):
    showers = Showers(np.array([10.0]), np.full((1, 11), 0.1), geometry)
    assert low_level(showers)[0] == pytest.approx([0.01] * 11 + [1.0])
    high = high_level(showers)[0]
    assert len(high) == 2 + 2 + 2 + 1
    assert high[:2] == pytest.approx(np.log10([800.0, 300.0]))
    assert high[-1] == pytest.approx(1.0)
