"""Reweighter: weights that make one sample look like another, each from a ratio that did not see its event."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from hepflow.classifiers.area import Closure
from hepflow.classifiers.crossfit import CrossFit, Folds, crossfit, deal
from hepflow.classifiers.ratio import DensityRatio, Rows, table
from hepflow.classifiers.settings import untrained
from hepflow.errors import ConfigError, InputError
from hepflow.importance import effective_size
from hepflow.sample import FloatArray, Sample

LARGEST = 100.0  # ratio; one event more than that is a statement on a single event


@dataclass(frozen=True, eq=False)
class Reweighted:
    """Events with the weights that make them look like the target.

    Parameters
    ----------
    sample
        The events; their weights add up to what the target has where they were trained.
    replica
        Which training each weight is of, the one that did not see the event; shape ``(N,)``. The spread of a
        histogram between them is the error that trainings leave.
    clipped
        Events whose ratio was larger than the largest allowed, and was set to that.
    """

    sample: Sample
    replica: Folds
    clipped: int

    @property
    def effective_size(self) -> float:
        """How many events of equal weight say as much."""
        return effective_size(self.sample.weight)

    @property
    def largest_weight(self) -> float:
        """The largest weight, in units of the mean."""
        weight = self.sample.weight
        return float(weight.max() / weight.mean()) if len(weight) else 0.0


@dataclass
class Reweighter:
    """The ratio of two densities, ``target / source``, as weights of the source.

    Both samples are dealt into folds, and as many ratios are learned, each on all folds but one: an event takes its
    weight from the one that did not see it. A network that takes the resonant mass carries weights to other masses
    (SALAD, arXiv:2001.05001).

    Parameters
    ----------
    ratio
        An untrained classifier, which is copied for each fold.
    folds
        How many, two at least. Where a training draws a bootstrap, they are replicas of one another.
    largest
        Ratios above are set to this; None allows any.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data, simulation = random.normal(0.5, 1.0, (8000, 1)), random.normal(0.0, 1.0, (8000, 1))
    >>> reweighter = hf.classifiers.Reweighter(hf.classifiers.BoostedTrees(members=4), folds=2)
    >>> weighted = reweighter.fit(data, simulation, seed=1).weighted
    >>> weighted.sample
    Sample(8,000 events, 0-0 GeV, features x0)
    >>> abs(np.average(weighted.sample.feature("x0"), weights=weighted.sample.weight) - 0.5) < 0.1
    np.True_
    >>> before, after = reweighter.closure()
    >>> before.auc > 0.6 and abs(after.auc - 0.5) < 0.03
    True
    """

    ratio: DensityRatio
    folds: int = 5
    largest: float | None = LARGEST

    _fit: CrossFit | None = field(default=None, init=False, repr=False)
    _target: FloatArray = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    _source: Sample | None = field(default=None, init=False, repr=False)
    _fold_of: Folds = field(default_factory=lambda: np.empty(0, np.intp), init=False, repr=False)

    def __post_init__(self) -> None:
        if self.largest is not None and not self.largest > 1:
            raise ConfigError(
                f"Reweighter: a largest ratio of {self.largest:g}; expected one above 1, or None"
            )

    def fit(
        self, target: Rows, source: Rows, seed: int, *, fold_of: tuple[Folds, Folds] | None = None
    ) -> Reweighter:
        """Learn the ratio of N events of the target to M of the source; weights of both are respected.

        Parameters
        ----------
        target, source
            Samples, or plain tables (`hepflow.classifiers.table`).
        seed
            Deals the folds and seeds the trainings.
        fold_of
            The fold of each event of both, shapes ``(N,)`` and ``(M,)``; at random if left out.

        Raises
        ------
        ConfigError
            If the columns differ or there are fewer than two folds.
        InputError
            If a sample has too few events, or weights that do not add up to a positive number.
        """
        self._fit = None
        wanted, given = table(target), table(source)
        for name, sample in (("target", wanted), ("source", given)):
            total = sample.weight.sum()
            if not (np.isfinite(total) and total > 0):
                raise InputError(
                    f"Reweighter: the weights of the {name} add up to {total:g}; expected more than zero"
                )
        own, other = fold_of or (deal(len(wanted), self.folds, seed), deal(len(given), self.folds, seed + 1))
        self._fit = crossfit(self.ratio, wanted, given, folds=self.folds, fold_of=(own, other), seed=seed)
        self._target, self._source, self._fold_of = wanted.weight, given, other
        return self

    @property
    def crossfit(self) -> CrossFit:
        """The ratios of the folds, and the scores of what they left out.

        Raises
        ------
        ConfigError
            If there was no training yet.
        """
        if self._fit is None:
            raise untrained(self)
        return self._fit

    @property
    def log_ratios(self) -> FloatArray:
        """The log ratio of each event of the source, shape ``(M,)``, by the training that did not see it."""
        return self._clip(self.crossfit.denominator)

    def log_ratio(self, sample: Rows, fold_of: Folds) -> FloatArray:
        """Return the log ratio of other events, shape ``(K,)``, each by the training of its fold."""
        return self._clip(self.crossfit.score(sample, fold_of))

    @property
    def weighted(self) -> Reweighted:
        """The source, with weights that add up to those of the target."""
        source = self._trained()
        return self._weighted(source, self.log_ratios, self.crossfit.denominator, self._fold_of)

    def carry(self, sample: Rows, seed: int) -> Reweighted:
        """Weight other events of the source, such as those at other masses, dealing them to the trainings at random.

        One event of the source stands for as much of the target as where the ratio was learned.
        """
        self._trained()
        events = table(sample)
        fold_of = deal(len(events), self.folds, seed)
        scores = self.crossfit.score(events, fold_of)
        return self._weighted(events, self._clip(scores), scores, fold_of)

    @property
    def normalisation(self) -> tuple[float, float]:
        """The mean ratio over the source, and its error: 1 if it is a ratio of densities.

        What a classifier gets wrong and normalising hides; a clipped tail lowers it, too.
        """
        source, ratio = self._trained(), np.exp(self.log_ratios)
        mean = float(np.average(ratio, weights=source.weight))
        variance = float(np.average((ratio - mean) ** 2, weights=source.weight))
        return mean, float(np.sqrt(max(variance, 0.0) / effective_size(source.weight)))

    def closure(self) -> tuple[Closure, Closure]:
        """Return how well the trained score tells the target from the source, before and after weighting it.

        It costs no training, and sees what clipping or a score too sure of itself leave. Whether a new classifier can
        tell them apart is what `hepflow.selection.closure` says.
        """
        source, fit = self._trained(), self.crossfit
        scores = fit.numerator, fit.denominator
        before, after = (
            Closure.of(scores, (self._target, weight))
            for weight in (source.weight, self.weighted.sample.weight)
        )
        return before, after

    def _trained(self) -> Sample:
        if self._source is None:
            raise untrained(self)
        return self._source

    def _clip(self, log_ratio: FloatArray) -> FloatArray:
        return log_ratio if self.largest is None else np.minimum(log_ratio, np.log(self.largest))

    def _weighted(self, sample: Sample, log_ratio: FloatArray, raw: FloatArray, fold_of: Folds) -> Reweighted:
        source = self._trained()
        scale = self._target.sum() / np.sum(source.weight * np.exp(self.log_ratios))
        weight = sample.weight * np.exp(log_ratio) * scale
        return Reweighted(replace(sample, weight=weight), fold_of, int(np.sum(raw > log_ratio)))
