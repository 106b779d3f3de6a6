"""A generator of showers with known statistics: no public sample can be bundled."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from scipy.special import gammainc

from hepflow.errors import ConfigError
from hepflow.events import FloatArray
from hepflow.showers.files import Showers, check_incident
from hepflow.showers.geometry import Geometry, Layer

BLOCK = 10_000  # showers at a time; what they are depends on it
DECLINE = 0.5  # of the profile per radiation length
CRITICAL = 0.01  # GeV, energy at which showers stop growing
SPREAD = 0.12, 0.2  # of the logarithms of the profile's maximum and of the radius, from shower to shower
CORE = 0.75  # share of the inner exponential
WIDENING = 0.04  # of both exponentials, per radiation length
MOST_TILT = 0.8  # of the energy, from one side of the axis to the other


@dataclass(frozen=True)
class Detector:
    """A calorimeter that showers can be simulated in.

    Parameters
    ----------
    geometry
        Where its voxels are.
    depths
        From where to where each layer with voxels reaches, in radiation lengths: edges, shape ``(L + 1,)``.
    radii
        Lengths of the two exponentials of the radial profile, at the front, in mm.
    sampling
        Standard deviation of a sum over its square root, in GeV^1/2.
    noise
        Standard deviation of the noise of a voxel in GeV.
    threshold
        What a voxel must show to be kept, in GeV; else it is zero.
    energies
        Least and largest incident energy in GeV, between which they are drawn evenly in the logarithm.

    Raises
    ------
    ConfigError
        If the numbers make no detector.
    """

    geometry: Geometry
    depths: tuple[float, ...]
    radii: tuple[float, float] = (8.0, 40.0)
    sampling: float = 0.1
    noise: float = 0.001
    threshold: float = 0.003
    energies: tuple[float, float] = (1.0, 100.0)

    def __post_init__(self) -> None:
        layers = len(self.geometry.filled)
        if len(self.depths) != layers + 1 or np.any(np.diff(self.depths) <= 0) or self.depths[0] < 0:
            raise ConfigError(
                f"detector: depths {self.depths}; expected {layers + 1} increasing numbers from 0 on"
            )
        for name, fits in (
            ("radii", min(self.radii) > 0),
            ("sampling", self.sampling > 0),
            ("noise", self.noise >= 0),
            ("threshold", self.threshold > 0),
            ("energies", 0 < self.energies[0] < self.energies[1]),
        ):
            if not fits:
                raise ConfigError(
                    f"detector: {name} {getattr(self, name)}; expected more than zero, increasing"
                )


def toy_detector() -> Detector:
    """Return a detector of three layers of nine voxels each: three rings of three sectors."""
    layers = tuple(Layer(number, (0.0, 10.0, 30.0, 120.0), 3) for number in range(3))
    return Detector(Geometry("photon", layers), (0.0, 4.0, 12.0, 24.0), noise=0.005, threshold=0.015)


def photon_detector() -> Detector:
    """Return a detector with the voxels of photons in data set 1 of the CaloChallenge, 368 in five layers."""
    strips = (
        0.0,
        2.0,
        4.0,
        6.0,
        8.0,
        10.0,
        12.0,
        15.0,
        20.0,
        30.0,
        40.0,
        50.0,
        70.0,
        90.0,
        120.0,
        150.0,
        200.0,
    )
    middle = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 130.0, 160.0, 200.0)
    filled = {
        0: Layer(0, (0.0, 5.0, 10.0, 30.0, 50.0, 100.0, 200.0, 400.0, 600.0), 1),
        1: Layer(1, strips, 10),
        2: Layer(2, (*middle, 250.0, 300.0, 350.0, 400.0), 10),
        3: Layer(3, (0.0, 50.0, 100.0, 200.0, 400.0, 600.0), 1),
        12: Layer(12, (0.0, 100.0, 200.0, 400.0, 1000.0, 2000.0), 1),
    }
    layers = tuple(filled.get(number, Layer(number, (0.0,), 1)) for number in range(24))
    return Detector(Geometry("photon", layers), (0.0, 1.5, 6.0, 22.0, 25.0, 30.0), energies=(1.0, 1000.0))


def simulate(detector: Detector, showers: int | FloatArray, seed: int) -> Showers:
    """Simulate showers of photons, in a few lines of physics.

    Parameters
    ----------
    detector
        Where.
    showers
        How many, at energies drawn as the detector says; or the incident energies (N,) in GeV.
    seed
        Of all that is drawn.

    Raises
    ------
    ConfigError
        If there is none.
    InputError
        If an energy is not above zero.

    Notes
    -----
    Along the axis the energy follows a gamma distribution whose maximum stands at ``ln(E / Ec) - 0.5`` radiation
    lengths, with a spread from shower to shower (G. Grindhammer and S. Peters, hep-ex/0001020); across it two
    exponentials in the radius, as wide as the shower and its depth make them, and more on one side than on the
    other. Each voxel then draws from a gamma distribution of this mean m and the variance ``sampling^2 m``: those of
    any sum follow. Noise is added, and what is below the threshold is zero.

    Examples
    --------
    >>> from hepflow.showers import simulate, toy_detector
    >>> showers = simulate(toy_detector(), 100, seed=1)
    >>> showers.voxels.shape, bool((showers.voxels.sum(axis=1) < 2 * showers.energy).all())
    ((100, 27), True)
    """
    if isinstance(showers, int | np.integer):
        if showers < 1:
            raise ConfigError(f"simulate: {showers} showers; expected at least one")
        random = np.random.default_rng([seed, 0])
        low, high = map(log, detector.energies)
        energy = np.exp(random.uniform(low, high, int(showers)))
    else:
        energy = check_incident(showers)
    blocks = [
        _block(detector, energy[first : first + BLOCK], np.random.default_rng([seed, 1, first]))
        for first in range(0, len(energy), BLOCK)
    ]
    return Showers(energy, np.concatenate(blocks), detector.geometry)


def _block(detector: Detector, energy: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return voxels (N, V) in GeV."""
    mean = expected(detector, energy, random)
    step = detector.sampling**2
    seen = step * random.standard_gamma(mean / step) + detector.noise * random.standard_normal(mean.shape)
    return np.where(seen > detector.threshold, seen, 0.0)


def expected(detector: Detector, energy: FloatArray, random: np.random.Generator) -> FloatArray:
    """Return the mean energy of each voxel (N, V) in GeV, before sampling and noise, of showers of drawn shape."""
    count, geometry = len(energy), detector.geometry
    maximum = np.maximum(np.log(energy / CRITICAL) - 0.5, 0.5) * np.exp(
        SPREAD[0] * random.standard_normal(count)
    )
    below = gammainc(1 + DECLINE * maximum[:, None], DECLINE * np.array(detector.depths))
    longitudinal = energy[:, None] * np.diff(below, axis=1)
    width = np.exp(SPREAD[1] * random.standard_normal(count))
    tilt, towards = MOST_TILT * random.beta(1.5, 3.0, count), random.uniform(-np.pi, np.pi, count)
    parts = []
    for number, (layer, place) in enumerate(zip(geometry.filled, geometry.slices, strict=True)):
        depth = 0.5 * (detector.depths[number] + detector.depths[number + 1])
        scale = width[:, None] * (1 + WIDENING * depth)
        edges = np.array(layer.r_edges)[None, :] / scale
        inner, outer = (np.exp(-edges / radius) for radius in detector.radii)
        rings = np.tile(-np.diff(CORE * inner + (1 - CORE) * outer, axis=1), layer.alpha_bins)
        half = np.pi / layer.alpha_bins
        uneven = np.sin(half) / half * np.cos(geometry.alpha[place] - towards[:, None])
        sectors = (1 + tilt[:, None] * uneven) / layer.alpha_bins
        parts.append(longitudinal[:, [number]] * rings * sectors)
    return np.hstack(parts)
