"""Scores: every sample of an analysis, scored by classifiers that never saw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hepflow.classifiers import CrossFit, DensityRatio, Folds, crossfit, deal, train_fold
from hepflow.errors import InputError
from hepflow.methods import Background
from hepflow.sample import FloatArray, Sample
from hepflow.weights import State, load_weights, save_weights, storable

Mask = NDArray[np.bool_]
SIGNAL_SEED = 5  # beyond the seed of a cross-fit


@dataclass(frozen=True, eq=False)
class Scored:
    """A sample and the score (log density ratio of data to background) of each event, shape ``(N,)``."""

    sample: Sample
    score: FloatArray

    def above(self, threshold: float) -> Sample:
        """Return the events whose score exceeds a threshold."""
        return self.sample.select(self.score > threshold)

    def select(self, rows: Mask) -> Scored:
        """Return the events of a mask, shape ``(N,)``."""
        return Scored(self.sample.select(rows), self.score[rows])

    def window(self, low: float, high: float) -> Scored:
        """Return the events with ``low <= mass < high`` (GeV)."""
        return self.select((self.sample.mass >= low) & (self.sample.mass < high))

    def quantile(self, fraction: float) -> float:
        """Return the score above which a fraction of the events lies, by weight."""
        weight = self.sample.weight
        if np.all(weight == weight[:1]):
            return float(np.quantile(self.score, 1 - fraction))
        order = np.argsort(-self.score, kind="stable")
        above = np.cumsum(weight[order])
        last = int(np.searchsorted(above, fraction * above[-1]))
        return float(self.score[order[min(last, len(order) - 1)]])


@dataclass(frozen=True, eq=False)
class Scores:
    """The scored samples of an analysis.

    Parameters
    ----------
    data, template
        Signal region: data and background template, cross-fitted.
    sidebands, validation
        Sidebands: data and the template there; no classifier was trained on them.
    signal
        Signal events kept for evaluation, with weights that add up to the yield of ``mu = 1``; or None.
    background
        What the template came from.
    variations
        The signal with each systematic effect, up and down, by the name of its nuisance parameter.
    """

    data: Scored
    template: Scored
    sidebands: Scored
    validation: Scored
    signal: Scored | None
    background: Background
    variations: Mapping[str, tuple[Scored, Scored]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SampleFolds:
    """The fold of each event of five samples, an event that stands in two of them in the same fold of both."""

    data: Folds
    template: Folds
    sidebands: Folds
    validation: Folds
    signal: Folds


@dataclass(frozen=True, eq=False)
class CrossFitScores:
    """Scores, and what scores more events in the same way: the classifiers and the folds of all samples."""

    scores: Scores
    fit: CrossFit
    fold_of: SampleFolds

    def with_variations(self, variations: Mapping[str, tuple[Sample, Sample]], seed: int) -> Scores:
        """Return the scores, and beside them those of the signal with systematic effects.

        Parameters
        ----------
        variations
            Name -> the signal with the effect, up and down, weighted as the nominal one is.
        seed
            Of the cross-fit: an event of a sample as long as the nominal one is scored by the classifiers of the same
            fold, so that an effect on the weights alone leaves every score as it is.
        """
        folds = len(self.fit.classifiers)

        def scored(sample: Sample) -> Scored:
            return Scored(sample, self.fit.score(sample, deal(len(sample), folds, seed + SIGNAL_SEED)))

        found = {name: (scored(up), scored(down)) for name, (up, down) in variations.items()}
        return replace(self.scores, variations=found)


@storable
@dataclass(frozen=True, eq=False)
class Scorer:
    """What scores more events as those of an analysis were: all of `CrossFitScores` but the scored samples."""

    fit: CrossFit
    fold_of: SampleFolds

    def state(self) -> State:
        """Return classifiers and folds."""
        folds = {
            entry.name: getattr(self.fold_of, entry.name).astype(np.int64) for entry in fields(SampleFolds)
        }
        return State({}, folds, {"fit": self.fit})

    @classmethod
    def from_state(cls, state: State) -> Scorer:
        """Make classifiers and folds again."""
        fit = state.part("fit", CrossFit)
        folds = {entry.name: state.array(entry.name, np.int64, (None,)) for entry in fields(SampleFolds)}
        for name, fold_of in folds.items():
            if np.any((fold_of < 0) | (fold_of >= len(fit.classifiers))):
                raise InputError(
                    f"{name}: events of folds that none of {len(fit.classifiers)} classifiers left out"
                )
        return cls(fit, SampleFolds(**{name: fold_of.astype(np.intp) for name, fold_of in folds.items()}))


def save_classifiers(path: str | Path, fitted: CrossFitScores) -> None:
    """Write classifiers and folds; the scored samples are kept elsewhere, by `hepflow.storage.save_sample`.

    Raises what `hepflow.weights.save_weights` does.
    """
    save_weights(path, Scorer(fitted.fit, fitted.fold_of))


def load_classifiers(path: str | Path, scores: Scores) -> CrossFitScores:
    """Read what `save_classifiers` wrote, beside the scores of the same samples.

    Raises
    ------
    InputError
        As `hepflow.weights.load_weights` does, and if the samples have other numbers of events.
    """
    scorer = load_weights(path, Scorer)
    for entry in fields(SampleFolds):
        scored: Scored | None = getattr(scores, entry.name)
        events, known = (
            0 if scored is None else len(scored.sample),
            len(getattr(scorer.fold_of, entry.name)),
        )
        if events != known:
            raise InputError(
                f"{path}: folds of {known:,} events for a sample {entry.name!r} of {events:,}; expected the samples "
                "of the same run"
            )
    return CrossFitScores(scores, scorer.fit, scorer.fold_of)


def score(
    classifier: DensityRatio,
    data: Sample,
    background: Background,
    *,
    signal: Sample | None = None,
    variations: Mapping[str, tuple[Sample, Sample]] | None = None,
    seed: int,
) -> Scores:
    """Train a classifier on data against template in the signal region, and score everything.

    Parameters
    ----------
    classifier
        An untrained classifier, such as `hepflow.classifiers.BoostedTrees`.
    data
        All data; labels, where there are any, are not looked at.
    background
        The template that a method made of these data, and the folds that it dealt them into.
    signal
        Signal events to score for efficiencies and limits; none of them may be in the data.
    variations
        The signal with each systematic effect, up and down, by the name of its nuisance parameter.
    seed
        Of the classifiers, and of the folds of the signal.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> mass = 2500 + random.exponential(600.0, 15_000)
    >>> data = hf.Sample(mass, random.normal(size=(15_000, 1)), ("x",))
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 4500)])
    >>> background = hf.methods.Cwola().fit(data, windows, folds=2, seed=1)
    >>> scores = hf.score(hf.classifiers.BoostedTrees(members=1), data, background, seed=1)
    >>> scores.data.score.shape == (windows.in_signal(mass).sum(),)
    True
    """
    fitted = crossfit_scores(classifier, data, background, signal=signal, seed=seed)
    return fitted.with_variations(variations, seed) if variations else fitted.scores


def crossfit_scores(
    classifier: DensityRatio,
    data: Sample,
    background: Background,
    *,
    signal: Sample | None = None,
    trained: Mapping[int, DensityRatio] | None = None,
    seed: int,
) -> CrossFitScores:
    """Do what `score` does, and keep the classifiers and the folds.

    What `train_without` returned for a fold is taken from `trained`.
    """
    inside, outside = background.windows.split(data)
    fold_of = deal_samples(data, background, seed, 0 if signal is None else len(signal))
    template, validation = background.template, background.validation
    fit = crossfit(
        _of_folds(classifier, background),
        inside,
        template,
        folds=background.folds.count,
        fold_of=(fold_of.data, fold_of.template),
        examples=_examples(background),
        trained=trained,
        seed=seed,
    )
    scores = Scores(
        data=Scored(inside, fit.numerator),
        template=Scored(template, fit.denominator),
        sidebands=Scored(outside, fit.score(outside, fold_of.sidebands)),
        validation=Scored(validation, fit.score(validation, fold_of.validation)),
        signal=None if signal is None else Scored(signal, fit.score(signal, fold_of.signal)),
        background=background,
    )
    return CrossFitScores(scores, fit, fold_of)


def train_without(
    fold: int, classifier: DensityRatio, data: Sample, background: Background, *, seed: int
) -> DensityRatio:
    """Train the classifier of `crossfit_scores` that leaves a fold out, for a method without networks that score."""
    fold_of = deal_samples(data, background, seed, 0)
    inside, _ = background.windows.split(data)
    return train_fold(
        _of_folds(classifier, background),
        inside,
        background.template,
        fold,
        folds=background.folds.count,
        fold_of=(fold_of.data, fold_of.template),
        examples=_examples(background),
        seed=seed,
    )


def deal_samples(data: Sample, background: Background, seed: int, signal: int) -> SampleFolds:
    """Return the folds of all events of an analysis: those of its background, and of `signal` further events.

    Raises
    ------
    InputError
        If the background was made of other data.
    """
    windows, folds = background.windows, background.folds
    if len(data) != len(folds.data):
        raise InputError(
            f"the background was made of {len(folds.data):,} events, and {len(data):,} are to be scored: fit it to "
            "the same data, which have the same folds there"
        )
    return SampleFolds(
        data=folds.data[windows.in_signal(data.mass)],
        template=folds.template,
        sidebands=folds.data[windows.in_sidebands(data.mass)],
        validation=folds.validation,
        signal=deal(signal, folds.count, seed + SIGNAL_SEED),
    )


def _of_folds(classifier: DensityRatio, background: Background) -> DensityRatio | Sequence[DensityRatio]:
    """Return what is trained in each fold: the classifier, or what the method makes of it there."""
    if background.scoring is None:
        return classifier
    return [background.scoring(classifier, fold) for fold in range(background.folds.count)]


def _examples(background: Background) -> tuple[Sample, Folds] | None:
    return None if background.examples is None else (background.examples.sample, background.examples.fold)
