"""Cross-fitting: every event is scored by an ensemble that never saw it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hepflow.classifiers.ratio import DensityRatio, Rows, table
from hepflow.errors import ConfigError, InputError
from hepflow.progress import progress
from hepflow.sample import FloatArray, Sample
from hepflow.weights import State, storable

Folds = NDArray[np.intp]
"""The fold of each event, counted from zero, shape ``(N,)``."""


@storable
@dataclass(frozen=True, eq=False)
class CrossFit:
    """The k classifiers of a cross-fit and the scores they gave to the events they left out.

    Parameters
    ----------
    numerator, denominator
        Scores (log density ratios) of the two samples, shapes ``(N,)`` and ``(M,)``.
    classifiers
        The k classifiers, in the order of the folds that they left out.
    """

    numerator: FloatArray
    denominator: FloatArray
    classifiers: tuple[DensityRatio, ...] = field(repr=False)

    def score(self, sample: Rows, fold_of: Folds) -> FloatArray:
        """Score other events, shape ``(N,)``, each by the classifier that left its fold out.

        Events that no fold was trained on are dealt to the folds like the others (`deal`), so that every score comes
        from an ensemble of the same size: a mean over all folds would be sharper, and its quantiles others.
        """
        sample = table(sample)
        scores = np.full(len(sample), np.nan)
        for fold, classifier in enumerate(progress(self.classifiers, "scores", "fold")):
            if np.any(fold_of == fold):
                scores[fold_of == fold] = classifier.log_ratio(sample.select(fold_of == fold))
        return scores

    def log_ratio(self, sample: Rows) -> FloatArray:
        """Return the mean over the folds of the log density ratio, shape ``(N,)``, for events of no fold alone.

        An event that the classifiers were trained on looks more like its own sample than it is: `score` is for those.
        """
        events, classifiers = table(sample), progress(self.classifiers, "scores", "fold")
        mean: FloatArray = np.mean([classifier.log_ratio(events) for classifier in classifiers], axis=0)
        return mean

    def without_scores(self) -> CrossFit:
        """Return the classifiers alone: scores say something of the events, which not everyone is to know."""
        return replace(self, numerator=np.empty(0), denominator=np.empty(0))

    def state(self) -> State:
        """Return scores and classifiers."""
        scores = {"numerator": self.numerator, "denominator": self.denominator}
        parts = {f"classifiers.{fold}": each for fold, each in enumerate(self.classifiers)}
        return State({}, scores, parts)

    @classmethod
    def from_state(cls, state: State) -> CrossFit:
        """Make a cross-fit again."""
        classifiers = state.sequence("classifiers", DensityRatio)  # type: ignore[type-abstract]
        if not classifiers:
            raise InputError("a cross-fit without classifiers")
        numerator, denominator = (
            state.array(name, np.float64, (None,)) for name in ("numerator", "denominator")
        )
        return cls(numerator, denominator, classifiers)


def crossfit(
    classifier: DensityRatio | Sequence[DensityRatio],
    numerator: Rows,
    denominator: Rows,
    *,
    folds: int = 5,
    training_ratio: float = 4.0,
    fold_of: tuple[Folds, Folds] | None = None,
    examples: tuple[Sample, Folds] | None = None,
    trained: Mapping[int, DensityRatio] | None = None,
    seed: int,
) -> CrossFit:
    """Train `folds` copies of a classifier, each on all events but one fold, and score that fold with it.

    Parameters
    ----------
    classifier
        An untrained classifier, which is copied for each fold; or one of each fold.
    numerator, denominator
        Data and background template, as samples or as plain tables (`table`); event weights are respected.
    folds
        Number of parts that both samples are dealt into at random.
    training_ratio
        Largest number of denominator events per numerator event used in training. All are scored.
    fold_of
        The fold of each event of both samples, shapes ``(N,)`` and ``(M,)``, where they are not independent: the same
        event in both samples has the same fold. At random if left out.
    examples
        What classifiers learn from in place of the denominator, and for which fold each event of it is: those of fold
        k teach the classifier that leaves k out of the numerator. The denominator is then only scored.
    trained
        By the fold that it leaves out, what `train_fold` returned for the same arguments; the others are trained now.
    seed
        Deals the folds and seeds the classifiers.

    Raises
    ------
    ConfigError
        If the features differ or there are fewer than two folds.
    InputError
        If a sample has fewer events than folds.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data = hf.Sample(np.full(600, 3500.0), random.normal(1.0, 1.0, (600, 1)), ("x",))
    >>> template = hf.Sample(np.full(600, 3500.0), random.normal(0.0, 1.0, (600, 1)), ("x",))
    >>> fit = hf.crossfit(hf.classifiers.BoostedTrees(members=1), data, template, folds=2, seed=1)
    >>> len(fit.classifiers), fit.numerator.shape
    (2, (600,))
    >>> bool(fit.numerator.mean() > fit.denominator.mean())
    True
    """
    numerator, denominator = table(numerator), table(denominator)
    _check(numerator, denominator, folds)
    own, other = fold_of = fold_of or _deal_both(numerator, denominator, folds, seed)
    numerator, denominator = numerator.without_truth(), denominator.without_truth()
    scores = np.empty(len(numerator)), np.empty(len(denominator))
    classifiers = []
    for fold in tqdm(range(folds), desc="classifiers", unit="fold", disable=None):
        fitted = (trained or {}).get(fold)
        if fitted is None:
            fitted = train_fold(
                classifier,
                numerator,
                denominator,
                fold,
                folds=folds,
                training_ratio=training_ratio,
                fold_of=fold_of,
                examples=examples,
                seed=seed,
            )
        scores[0][own == fold] = fitted.log_ratio(numerator.select(own == fold))
        scores[1][other == fold] = fitted.log_ratio(denominator.select(other == fold))
        classifiers.append(fitted)
    return CrossFit(*scores, tuple(classifiers))


def train_fold(
    classifier: DensityRatio | Sequence[DensityRatio],
    numerator: Rows,
    denominator: Rows,
    fold: int,
    *,
    folds: int = 5,
    training_ratio: float = 4.0,
    fold_of: tuple[Folds, Folds] | None = None,
    examples: tuple[Sample, Folds] | None = None,
    seed: int,
) -> DensityRatio:
    """Train the classifier of a cross-fit that leaves one fold out; arguments and errors as of `crossfit`."""
    numerator, denominator = table(numerator), table(denominator)
    _check(numerator, denominator, folds)
    own, other = fold_of or _deal_both(numerator, denominator, folds, seed)
    learned, (known, of) = own != fold, (denominator, other) if examples is None else examples
    usable = of != fold if examples is None else of == fold
    share = training_ratio * learned.sum() / max(usable.sum(), 1)
    trained_on = np.random.default_rng(seed + 2).random(len(known)) < share
    left = numerator.without_truth().select(learned)
    right = known.without_truth().select(usable & trained_on)
    untrained = classifier[fold] if isinstance(classifier, Sequence) else classifier
    return copy.deepcopy(untrained).fit(left, right, seed + 1000 * (fold + 1))


def _check(numerator: Sample, denominator: Sample, folds: int) -> None:
    """Refuse samples that cannot be cross-fitted."""
    if numerator.names != denominator.names:
        raise ConfigError(
            f"crossfit: the samples' features differ: {numerator.names} and {denominator.names}"
        )
    if folds < 2:
        raise ConfigError(
            f"crossfit: expected at least 2 folds, got {folds}: else events are scored by models that saw them"
        )
    if min(len(numerator), len(denominator)) < 20 * folds:
        raise InputError(
            f"crossfit: {len(numerator):,} and {len(denominator):,} events cannot be dealt into {folds} folds; "
            f"expected at least {20 * folds} in each sample"
        )


def _deal_both(numerator: Sample, denominator: Sample, folds: int, seed: int) -> tuple[Folds, Folds]:
    return deal(len(numerator), folds, seed), deal(len(denominator), folds, seed + 1)


def deal(events: int, folds: int, seed: int) -> Folds:
    """Return a random fold for each event, shape ``(events,)``, the folds as equal in size as can be.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> np.bincount(hf.classifiers.deal(11, folds=3, seed=1)).tolist()
    [4, 4, 3]
    """
    return np.random.default_rng(seed).permutation(np.arange(events) % folds)
