"""Outlier search (arXiv:2307.01612, 1808.08992): a detector's score in the place of a classifier's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hepflow.classifiers import DensityRatio
from hepflow.methods.background import Background
from hepflow.methods.cwola import Cwola
from hepflow.methods.folds import FOLDS
from hepflow.methods.sidebands import at_bin_centres
from hepflow.outliers.detector import Detector
from hepflow.outliers.isolation import IsolationForest
from hepflow.regions import Windows
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SQRT_S
from hepflow.weights import State, storable


@dataclass
class Outlier:
    """Events that are unlike those of the sidebands, whatever the background of the signal region looks like.

    The detector learns from the data of both sidebands, without the fold that it scores: they are background but for
    what a signal leaves there, and no event of the signal region has a part in what is usual. Its score knows of no
    signal region: no template is needed to make it, and behind a cut the background is to be a smooth function.

    The template turns scores into efficiencies. In the signal region it is that of CWoLa: events next to it, as they
    are (`Cwola`). In the sidebands it is the data there, since nothing was learned of their m_jj that could be wrong.
    As the background of a fit it holds only if the score is independent of m_jj.

    Parameters
    ----------
    detector
        The untrained detector, which is copied for each fold.
    width, bin_width, sqrt_s
        As of `Cwola`.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 15_000)
    >>> data = hf.Sample(mass, random.normal(size=(15_000, 2)), ("x", "y"))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> method = hf.methods.Outlier(hf.outliers.IsolationForest(trees=20))
    >>> background = method.fit(data, windows, folds=2, seed=1)
    >>> scores = hf.score(hf.classifiers.BoostedTrees(), data, background, seed=1)  # the trees are not used
    >>> far = np.linalg.norm(scores.data.sample.features, axis=1) > 2.5
    >>> bool(scores.data.score[far].mean() > scores.data.score[~far].mean())
    True
    """

    detector: Detector = field(default_factory=IsolationForest)
    width: float | None = None
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

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
        """Make CWoLa's template, and leave the detectors to the cross-fit of the scores.

        Raises what `Cwola.fit` does.
        """
        background = Cwola(self.width, self.bin_width, self.sqrt_s).fit(data, windows, folds=folds, seed=seed)
        inside = windows.in_sidebands(data.mass)
        beside = at_bin_centres(data.select(inside), windows.edges(self.bin_width))
        fold_of = background.folds.data[inside]
        total = sum(background.smooth.yield_in(*band)[0] for band in windows.sidebands)
        weight = np.full(len(beside), total / len(beside))

        def scoring(_: DensityRatio, fold: int) -> DensityRatio:
            return OutlierScore(self.detector, beside.select(fold_of != fold))

        return replace(
            background,
            validation=beside.alike(data.mass[inside], beside.features, weight),
            validation_replica=np.zeros(len(beside), dtype=np.intp),
            folds=replace(background.folds, validation=fold_of),
            scoring=scoring,
        )


@storable
@dataclass
class OutlierScore:
    """A detector in the place of a classifier: its score stands where others have a log density ratio.

    Parameters
    ----------
    detector
        Which learns from `usual`, and from nothing else.
    usual
        The events that it learns from; None once it has.
    """

    detector: Detector
    usual: Sample | None

    def fit(self, numerator: Sample, denominator: Sample, seed: int) -> OutlierScore:
        """Train the detector; neither sample is looked at, both of which stand in the signal region."""
        if self.usual is not None:
            self.detector, self.usual = self.detector.fit(self.usual, seed), None
        return self

    def log_ratio(self, sample: Sample) -> FloatArray:
        """Return the detector's score, shape ``(N,)``."""
        return self.detector.score(sample)

    def state(self) -> State:
        """Return the detector."""
        return State(parts={"detector": self.detector})

    @classmethod
    def from_state(cls, state: State) -> OutlierScore:
        """Make a trained one again."""
        return cls(state.part("detector", Detector), None)  # type: ignore[type-abstract]
