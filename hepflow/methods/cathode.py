"""CATHODE (arXiv:2109.00546): a conditional density of the sidebands, sampled in the signal region."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hepflow.errors import ConfigError
from hepflow.flows.density import Density
from hepflow.methods.background import Background
from hepflow.regions import Windows
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SQRT_S, SmoothFit, fit_smooth


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
    validation_oversampling
        The same in the sidebands, which hold far more events.
    bin_width
        Width of the bins in which the dijet function is fitted, GeV.
    sqrt_s
        Collision energy, the scale of the dijet function, GeV.
    """

    density: Density = field(default_factory=Density)
    oversampling: float = 20.0
    validation_oversampling: float = 4.0
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

    def fit(
        self, data: Sample, windows: Windows, *, simulation: Sample | None = None, seed: int
    ) -> Background:
        """Train on the sidebands of the data and sample the template.

        Simulation is not used. Truth labels are not looked at.

        Raises
        ------
        ConfigError
            If the weights differ from event to event.
        InputError
            If a region lies outside the data, or the sidebands hold too few events to train a flow.
        """
        _, sidebands = windows.split(data)
        if np.ptp(sidebands.weight) > 0:
            raise ConfigError(
                "Cathode.fit: the events of the data carry different weights, but the expected yield counts events"
            )
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        self.density.fit(_in_steps(sidebands, windows.edges(self.bin_width)), seed)
        random = np.random.default_rng(seed)
        masses, weights = [], []
        for window in (windows.signal, *windows.sidebands):
            times = self.oversampling if window == windows.signal else self.validation_oversampling
            events = round(times * smooth.yield_in(*window)[0])
            masses.append(smooth.draw_masses(*window, events, random))
            weights.append(np.full(events, 1 / times))
        mass = np.concatenate(masses)
        sampled = Sample(mass, self.density.sample(mass, seed), data.names, np.concatenate(weights))
        inside = windows.in_signal(mass)
        replica = self.density.member_of(len(mass))
        return Background(
            template=sampled.select(inside),
            validation=sampled.select(~inside),
            smooth=smooth,
            windows=windows,
            replica=replica[inside],
            validation_replica=replica[~inside],
            losses=tuple(training.losses for training in self.density.trainings),
        )


def _in_steps(sample: Sample, edges: FloatArray) -> Sample:
    """Return a sample without truth, each mass moved to the centre of its bin.

    A bin is finer than the resolution of m_jj, and the flow loses nothing. But the same event, read from momenta in
    one file and from angles in another, has masses that differ in the last digit, and a training would make another
    network of that.
    """
    centres = 0.5 * (edges[1:] + edges[:-1])
    place = np.searchsorted(edges, sample.mass, side="right") - 1
    return replace(sample.without_truth(), mass=centres[place])


def fit_sidebands(data: Sample, windows: Windows, bin_width: float, sqrt_s: float = SQRT_S) -> SmoothFit:
    """Fit the dijet function to the sidebands' m_jj spectrum, in bins of about `bin_width` GeV.

    Events are counted, as they are in every spectrum of data; their weights, equal by then, are not looked at.
    """
    edges = windows.edges(bin_width)
    counts, _ = np.histogram(data.mass, edges)
    centres = 0.5 * (edges[1:] + edges[:-1])
    return fit_smooth(edges, counts, windows.in_sidebands(centres), sqrt_s=sqrt_s)
