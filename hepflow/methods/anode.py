"""ANODE (arXiv:2001.04990): the ratio of two densities, each interpolated or learned, is the score."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from hepflow.classifiers import DensityRatio
from hepflow.flows import Density, TrainingPlan, spline_autoregressive
from hepflow.methods.background import Background
from hepflow.methods.cathode import OnCathode
from hepflow.methods.folds import FOLDS
from hepflow.regions import Window, Windows
from hepflow.sample import FloatArray, Sample
from hepflow.weights import State, formerly, storable

LEAST = -50.0  # log ratio of an event where a density is zero: never signal-like


def _small_density() -> Density:
    """Return a density that some ten thousand events can teach."""
    return Density(
        partial(spline_autoregressive, layers=3, hidden=32),
        TrainingPlan(epochs=20, batch_size=256, best_epochs=2),
        members=4,
    )


@dataclass
class Anode(OnCathode):
    """The CATHODE background, scored without a classifier.

    One density p(x | m) is learned from the sidebands and interpolated, another from the signal region; the score is
    their ratio (eq. 1 of the paper), both without the fold that is scored. The template, sampled from the former,
    turns scores into efficiencies.

    Parameters
    ----------
    cathode
        Density and template of the background.
    density
        The untrained density of the signal region's data.
    """

    density: Density = field(default_factory=_small_density)

    def fit(
        self,
        data: Sample,
        windows: Windows,
        *,
        simulation: Sample | None = None,
        folds: int = FOLDS,
        seed: int,
        checkpoint: Path | None = None,
    ) -> Background:
        """Make the CATHODE template, and leave the signal region's density to the cross-fit of the scores.

        Raises what `Cathode.fit` does.
        """
        background = self.cathode.fit(data, windows, folds=folds, seed=seed, checkpoint=checkpoint)

        def scoring(_: DensityRatio, fold: int) -> DensityRatio:
            return TwoDensities(self.cathode.densities[fold], self.density, windows.signal)

        return replace(background, scoring=scoring)


@formerly("DensityRatio")
@storable
@dataclass
class TwoDensities:
    """A classifier made of two densities: ``log p(x | m, data) - log p(x | m, background)``.

    Parameters
    ----------
    background
        The trained density of the background.
    data
        The untrained density of the data.
    masses
        The signal region, GeV; events beside it are scored as if they stood at its border. The score is then the
        same function of the features everywhere, and asks no density for what it did not learn.
    """

    background: Density
    data: Density
    masses: Window

    def fit(self, numerator: Sample, denominator: Sample, seed: int) -> TwoDensities:
        """Train the density of the data; that of the background is known, and the denominator only its sample."""
        self.data.fit(numerator, seed)
        return self

    def log_ratio(self, sample: Sample) -> FloatArray:
        """Return the log density ratio of each event, shape ``(N,)``, finite everywhere."""
        mass = np.clip(sample.mass, *self.masses)
        above, below = (each.log_prob(sample.features, mass) for each in (self.data, self.background))
        known = np.isfinite(above) & np.isfinite(below)
        ratio = np.full(len(sample), LEAST)
        ratio[known] = np.maximum(above[known] - below[known], LEAST)
        return ratio

    def state(self) -> State:
        """Return both densities."""
        return State({"masses": self.masses}, {}, {"background": self.background, "data": self.data})

    @classmethod
    def from_state(cls, state: State) -> TwoDensities:
        """Make a ratio of trained densities again."""
        low, high = map(float, state.settings["masses"])
        return cls(state.part("background", Density), state.part("data", Density), (low, high))
