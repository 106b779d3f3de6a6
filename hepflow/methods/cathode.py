"""CATHODE (arXiv:2109.00546): a conditional density of the sidebands, sampled in the signal region."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from hepflow.flows.density import Density
from hepflow.methods.background import Background
from hepflow.regions import Window, Windows
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SmoothFit, fit_smooth


@dataclass
class Cathode:
    """The CATHODE template.

    A flow learns p(x | m) from the sidebands (eq. 2 of the paper) and is sampled at masses of the signal region,
    which come, as does the expected yield, from a dijet function fitted to the sidebands.

    Parameters
    ----------
    density
        The flow, its preprocessing and training.
    oversampling
        Template events per expected event. The classifier sees only some of them; all count in the efficiency of
        a cut, whose statistical error they bound.
    bin_width
        Width of the bins in which the dijet function is fitted, GeV.
    """

    density: Density = field(default_factory=Density)
    oversampling: float = 20.0
    bin_width: float = 50.0

    def fit(
        self, data: Sample, windows: Windows, *, simulation: Sample | None = None, seed: int
    ) -> Background:
        """Train on the sidebands of the data and sample the template.

        Simulation is not used. Truth labels are not looked at.

        Raises
        ------
        InputError
            If a region lies outside the data, or the sidebands hold too few events to train a flow.
        """
        _, sidebands = windows.split(data)
        smooth = fit_sidebands(data, windows, self.bin_width)
        self.density.fit(sidebands.without_truth(), seed)
        random = np.random.default_rng(seed)
        masses = [self._masses(smooth, window, random) for window in (windows.signal, *windows.sidebands)]
        mass = np.concatenate(masses)
        drawn = self.density.sample(mass, seed)
        sampled = Sample(mass, drawn, data.names, np.full(len(mass), 1 / self.oversampling))
        inside = len(masses[0])
        return Background(
            template=sampled.select(np.arange(len(sampled)) < inside),
            validation=sampled.select(np.arange(len(sampled)) >= inside),
            smooth=smooth,
            windows=windows,
            losses=tuple(training.losses for training in self.density.trainings),
        )

    def _masses(self, smooth: SmoothFit, window: Window, random: np.random.Generator) -> FloatArray:
        expected, _ = smooth.yield_in(*window)
        return smooth.draw_masses(*window, round(self.oversampling * expected), random)


def fit_sidebands(data: Sample, windows: Windows, bin_width: float) -> SmoothFit:
    """Fit the dijet function to the sidebands' m_jj spectrum, in bins of about `bin_width` GeV."""
    edges = windows.edges(bin_width)
    counts, _ = np.histogram(data.mass, edges, weights=data.weight)
    centres = 0.5 * (edges[1:] + edges[:-1])
    return fit_smooth(edges, counts, windows.in_sidebands(centres))
