"""CATHODE (arXiv:2109.00546): a conditional density of the sidebands, sampled in the signal region."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import Folds
from hepflow.columns import check_continuous
from hepflow.flows.apart import fit_apart
from hepflow.flows.density import Density, spline_density
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.methods.background import Background
from hepflow.methods.folds import FOLDS, EventFolds, Examples, deal_data, examples_of
from hepflow.methods.sidebands import at_bin_centres, draw_masses, fit_sidebands
from hepflow.regions import Windows
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SQRT_S, SmoothFit

# template events where the likelihood of each has its price
FEWER = {"oversampling": 8.0, "validation_oversampling": 2.0}


@dataclass
class Cathode:
    """The CATHODE template.

    A flow learns p(x | m) from the sidebands (eq. 2 of the paper) and is sampled at masses of the signal region,
    which come, as does the expected yield, from a dijet function fitted to the sidebands. A flow knows the events
    that it learned from better than others. So each fold of the data has flows of its own, which did not see its
    sideband events: from them come the template that the fold is compared with, and what its classifier learns from.

    Parameters
    ----------
    density
        The flows of each fold, their preprocessing and training.
    oversampling
        Template events per expected event. All count in the efficiency of a cut, whose statistical error they bound;
        classifiers learn from others.
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
    validation_oversampling: float = 8.0
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

    densities: tuple[Density, ...] = field(default=(), init=False, repr=False)

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
    def background_densities(self) -> tuple[Density, ...]:
        """The trained density of each fold, which its template is drawn from."""
        return self.densities

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
        fold_of = self.learn(data, windows, folds, seed, checkpoint)
        random = np.random.default_rng(seed)
        mass, weight = draw_masses(smooth, windows, self.oversampling, self.validation_oversampling, random)
        made_for = np.arange(len(mass)) % folds  # masses have no order
        features, replica = self._sample(mass, made_for, len(data.names), seed)
        sampled = data.alike(mass, features, weight)
        inside = windows.in_signal(mass)
        return Background(
            template=sampled.select(inside),
            validation=sampled.select(~inside),
            smooth=smooth,
            windows=windows,
            replica=replica[inside],
            validation_replica=replica[~inside],
            folds=EventFolds(folds, fold_of, made_for[inside], made_for[~inside]),
            losses=tuple(training.losses for density in self.densities for training in density.trainings),
            examples=self._examples(sampled, smooth, windows, folds, seed + folds, random),
        )

    def learn(
        self,
        data: Sample,
        windows: Windows,
        folds: int = FOLDS,
        seed: int = 1,
        checkpoint: Path | None = None,
    ) -> Folds:
        """Train the densities on the sidebands, each without a fold, as `fit` does; errors as there.

        Returns
        -------
        ndarray
            The fold of each event of the data, shape ``(N,)``.
        """
        windows.split(data)  # which says what is missing
        fold_of = deal_data(data, windows, folds, seed)
        beside = windows.in_sidebands(data.mass)
        if self.density.preprocessing is logit_preprocessing:  # one with `discrete` columns can learn them
            check_continuous(data.select(beside))
        edges = windows.edges(self.bin_width)
        others = [at_bin_centres(data.select(beside & (fold_of != fold)), edges) for fold in range(folds)]
        self.densities = fit_apart(self.density, others, seed, checkpoint)
        return fold_of

    def _sample(
        self, mass: FloatArray, made_for: Folds, columns: int, seed: int
    ) -> tuple[FloatArray, NDArray[np.intp]]:
        """Draw features (N, D) at masses (N,), each by the flows of its fold; return them and whose each is."""
        features, replica = np.empty((len(mass), columns)), np.empty(len(mass), dtype=np.intp)
        for fold in np.unique(made_for):
            own = made_for == fold
            features[own], replica[own] = self._draw(int(fold), mass[own], seed)
        return features, replica

    def _draw(self, fold: int, mass: FloatArray, seed: int) -> tuple[FloatArray, NDArray[np.intp]]:
        """Draw features by the flows of one fold, and return the number of the training of each row beside them."""
        density = self.densities[fold]
        return density.sample(mass, seed + fold), fold * density.members + density.member_of(len(mass))

    def _examples(
        self,
        template: Sample,
        smooth: SmoothFit,
        windows: Windows,
        folds: int,
        seed: int,
        random: np.random.Generator,
    ) -> Examples:
        """Draw what the classifier of each fold learns from, by the flows of that fold."""
        fold = np.repeat(np.arange(folds), examples_of(smooth.yield_in(*windows.signal)[0], folds))
        mass = smooth.draw_masses(*windows.signal, len(fold), random)
        features, _ = self._sample(mass, fold, len(template.names), seed)
        return Examples(template.alike(mass, features), fold)


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
    def background_densities(self) -> tuple[Density, ...]:
        """The trained density of each fold, which its template is drawn from."""
        return self.cathode.densities
