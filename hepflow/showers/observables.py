"""Observables of showers: energies, centres, widths and sparsity of layers, as the CaloChallenge defines them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hepflow.events import FloatArray
from hepflow.showers.files import Showers

AXES = ("eta", "phi")
FLOOR = 1e-8  # MeV, of a logarithm of an energy


def observables(showers: Showers) -> dict[str, FloatArray]:
    """Return what physicists look at in showers, each shape ``(N,)``.

    ``response``, the visible energy over the incident one; of each layer with voxels ``energy_0`` in GeV,
    ``sparsity_0``, the share of its voxels that show nothing, and, where it has sectors, ``center_eta_0``,
    ``width_eta_0`` and those of phi in mm. A layer without energy has its centre, and its width, at zero.

    Examples
    --------
    >>> from hepflow.showers import observables, simulate, toy_detector
    >>> found = observables(simulate(toy_detector(), 1000, seed=1))
    >>> round(float(found["response"].mean()), 1)
    1.0
    """
    geometry = showers.geometry
    found = {"response": showers.voxels.sum(axis=1) / showers.energy}
    for layer, place in zip(geometry.filled, geometry.slices, strict=True):
        voxels = showers.voxels[:, place]
        energy = voxels.sum(axis=1)
        found[f"energy_{layer.number}"] = energy
        found[f"sparsity_{layer.number}"] = 1 - np.mean(voxels > 0, axis=1)
        if layer.alpha_bins == 1:
            continue
        share = voxels / np.where(energy > 0, energy, 1.0)[:, None]
        for axis in AXES:
            position = getattr(geometry, axis)[place]
            center = share @ position
            found[f"center_{axis}_{layer.number}"] = center
            found[f"width_{axis}_{layer.number}"] = np.sqrt(np.maximum(share @ position**2 - center**2, 0.0))
    return found


def low_level(showers: Showers) -> FloatArray:
    """Return what classifiers see of single voxels (N, V + 1): shares of the incident energy, and its logarithm."""
    return np.column_stack([showers.voxels / showers.energy[:, None], np.log10(showers.energy)])


def high_level(showers: Showers) -> FloatArray:
    """Return what classifiers see of layers (N, D): log-energies, centres, widths, and the incident energy."""
    found = observables(showers)
    energies = [np.log10(1e3 * each + FLOOR) for each in _named(found, "energy_")]
    shapes = [each / 100 for each in (*_named(found, "center_"), *_named(found, "width_"))]
    return np.column_stack([*energies, *shapes, np.log10(showers.energy)])


def _named(found: Mapping[str, FloatArray], start: str) -> list[FloatArray]:
    return [each for name, each in found.items() if name.startswith(start)]
