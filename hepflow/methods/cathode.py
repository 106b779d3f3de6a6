"""CATHODE (arXiv:2109.00546): a conditional density of the sidebands, sampled in the signal region."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from hepflow.flows.density import Density, spline_density
from hepflow.methods.background import Background
from hepflow.methods.sidebands import at_bin_centres, draw_masses, fit_sidebands
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.smooth import SQRT_S

# template events where the likelihood of each has its price
FEWER = {"oversampling": 8.0, "validation_oversampling": 2.0}


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

    Examples
    --------
    >>> from functools import partial
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 3000)
    >>> data = hf.Sample(mass, random.normal(size=(3000, 1)), ("x",))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> plan = hf.flows.TrainingPlan(epochs=2, batch_size=200)
    >>> small = partial(hf.flows.affine_autoregressive, layers=2, hidden=8)
    >>> density = hf.flows.Density(small, plan, members=1)
    >>> background = hf.methods.Cathode(density, oversampling=4).fit(data, windows, seed=1)
    >>> expected, error = background.expected  # from the dijet function
    >>> bool(abs(background.template.weight.sum() - expected) < 1)
    True
    """

    density: Density = field(default_factory=Density)
    oversampling: float = 20.0
    validation_oversampling: float = 4.0
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

    @classmethod
    def of(
        cls,
        *,
        oversampling: float,
        validation_oversampling: float,
        bin_width: float,
        sqrt_s: float,
        **flow: Any,
    ) -> Self:
        """Return the method with a density of these settings (`spline_density`), or its own without any."""
        density: dict[str, Any] = {"density": spline_density(**flow)} if flow else {}
        return cls(
            oversampling=oversampling,
            validation_oversampling=validation_oversampling,
            bin_width=bin_width,
            sqrt_s=sqrt_s,
            **density,
        )

    @classmethod
    def fewer(cls) -> Self:
        """Return CATHODE with fewer template events, for methods to which the likelihood of each has its price."""
        return cls(
            oversampling=FEWER["oversampling"], validation_oversampling=FEWER["validation_oversampling"]
        )

    @property
    def background_density(self) -> Density:
        """The density that the template is drawn from."""
        return self.density

    def fit(
        self,
        data: Sample,
        windows: Windows,
        *,
        simulation: Sample | None = None,
        seed: int,
        checkpoint: Path | None = None,
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
        windows.split(data)  # which says what is missing
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        self.learn(data, windows, seed, checkpoint)
        random = np.random.default_rng(seed)
        mass, weight = draw_masses(smooth, windows, self.oversampling, self.validation_oversampling, random)
        sampled = Sample(mass, self.density.sample(mass, seed), data.names, weight)
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

    def learn(self, data: Sample, windows: Windows, seed: int, checkpoint: Path | None = None) -> None:
        """Train the density on the sidebands, as `fit` does; errors as there."""
        _, sidebands = windows.split(data)
        self.density.fit(at_bin_centres(sidebands, windows.edges(self.bin_width)), seed, checkpoint)


@dataclass
class OnCathode:
    """What methods have in common that score the CATHODE template in a way of their own.

    Parameters
    ----------
    cathode
        Density and template of the background.
    """

    cathode: Cathode = field(default_factory=Cathode.fewer)

    @classmethod
    def of(cls, **cathode: Any) -> Self:
        """Return the method with these settings of CATHODE."""
        return cls(Cathode.of(**cathode))

    @property
    def background_density(self) -> Density:
        """The density that the template is drawn from."""
        return self.cathode.density
