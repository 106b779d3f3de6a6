"""LaCATHODE (arXiv:2210.14924): the classifier lives in the latent space of the background's flow."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from hepflow.classifiers import DensityRatio
from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density
from hepflow.methods.background import Background
from hepflow.methods.cathode import Cathode, OnCathode
from hepflow.methods.folds import FOLDS
from hepflow.progress import progress
from hepflow.regions import Window, Windows
from hepflow.sample import FloatArray, Sample
from hepflow.weights import State, storable

SPACES = 4  # or all, where a fold has fewer flows


@dataclass
class LaCathode(OnCathode):
    """The CATHODE template, classified in the latent space of its flows.

    A flow maps background at any m_jj to the same normal distribution: there the classifier cannot learn m_jj from
    features that move with it, and a cut leaves the spectrum of the background as it is (sec. III of the paper).

    Parameters
    ----------
    cathode
        Density and template of the background.
    spaces
        In how many latent spaces, each of another flow of the fold, a copy of the classifier is trained; the score is
        the mean.

    Raises
    ------
    ConfigError
        If there are fewer flows than spaces.
    """

    spaces: int = SPACES

    def __post_init__(self) -> None:
        if not 1 <= self.spaces <= self.cathode.density.members:
            raise ConfigError(
                f"LaCATHODE: {self.spaces} latent spaces of {self.cathode.density.members} flows; expected at least "
                "one and at most as many as there are flows"
            )

    @classmethod
    def of(cls, *, spaces: int | None = None, **cathode: Any) -> Self:
        """Return the method with these settings, those of CATHODE among them."""
        made = Cathode.of(**cathode)
        return cls(made, spaces or min(SPACES, made.density.members))

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
        """Make the CATHODE template, and let classifiers see it, and the data, in latent spaces.

        Raises what `Cathode.fit` does, and ConfigError where the density has no latent space.
        """
        background = self.cathode.fit(data, windows, folds=folds, seed=seed, checkpoint=checkpoint)

        def scoring(classifier: DensityRatio, fold: int) -> DensityRatio:
            return LatentClassifier(self.cathode.densities[fold], self.spaces, windows.range, classifier)

        return replace(background, scoring=scoring)


@storable
@dataclass
class LatentClassifier:
    """Copies of a classifier, each in the latent space of another flow.

    Parameters
    ----------
    density
        The trained flows.
    spaces
        How many of them, the first ones, have a copy.
    masses
        Range of m_jj, GeV; events beyond are mapped as if they stood at its end, where no flow was trained.
    inner
        The untrained classifier.
    """

    density: Density
    spaces: int
    masses: Window
    inner: DensityRatio
    _fitted: list[DensityRatio] = field(default_factory=list, init=False, repr=False)

    def fit(self, numerator: Sample, denominator: Sample, seed: int) -> LatentClassifier:
        """Train each copy on the same events of both samples."""
        self._fitted = [
            copy.deepcopy(self.inner).fit(
                self._latent(numerator, flow), self._latent(denominator, flow), seed
            )
            for flow in progress(range(self.spaces), "latent spaces", "space")
        ]
        return self

    def log_ratio(self, sample: Sample) -> FloatArray:
        """Return the mean over the latent spaces of the log density ratio, shape ``(N,)``."""
        spaces = enumerate(progress(self._fitted, "latent spaces", "space"))
        each = [fitted.log_ratio(self._latent(sample, flow)) for flow, fitted in spaces]
        mean: FloatArray = np.mean(each, axis=0)
        return mean

    def state(self) -> State:
        """Return the flows and the trained copies."""
        if not self._fitted:
            raise ConfigError("this LatentClassifier has not been trained; call fit first")
        copies = {f"copies.{flow}": fitted for flow, fitted in enumerate(self._fitted)}
        return State({"masses": self.masses}, {}, {"density": self.density, **copies})

    @classmethod
    def from_state(cls, state: State) -> LatentClassifier:
        """Make trained copies again."""
        low, high = map(float, state.settings["masses"])
        density = state.part("density", Density)
        copies = state.sequence("copies", DensityRatio)  # type: ignore[type-abstract]
        if not 1 <= len(copies) <= density.members:
            raise InputError(f"{len(copies)} classifiers in the latent spaces of {density.members} flows")
        made = cls(density, len(copies), (low, high), copies[0])
        made._fitted = list(copies)
        return made

    def _latent(self, sample: Sample, flow: int) -> Sample:
        z = self.density.to_latent(sample.features, np.clip(sample.mass, *self.masses), flow)
        return replace(sample, features=z, names=tuple(f"z{number + 1}" for number in range(z.shape[1])))
