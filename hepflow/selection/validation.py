"""Validation: the whole method tried beside the signal region, where data tell how far it is off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepflow.classifiers import Classifier
from hepflow.errors import InputError
from hepflow.methods import Method
from hepflow.regions import Window, Windows
from hepflow.sample import FloatArray, Sample
from hepflow.selection.scores import Scored, score

SEED = 10_000  # between the seeds of an analysis and those of its validation


@dataclass(frozen=True)
class NonClosure:
    """Relative difference of data and expectation behind a cut in the validation bands, and its statistical error."""

    value: float
    error: float

    @property
    def size(self) -> float:
        """What the bands do not rule out: the difference, or its error where that is larger."""
        return max(abs(self.value), self.error)


@dataclass(frozen=True, eq=False)
class Validation:
    """A method's scores in the validation bands, from trainings that saw neither these nor the signal region.

    Parameters
    ----------
    data, template
        The bands: data and background template, cross-fitted. Their samples carry no features.
    sidebands, validation
        The same in what is left of the sidebands; no classifier was trained there.
    windows
        Those of the tried method: its signal region holds the bands and, between them, the true signal region.
    """

    data: Scored
    template: Scored
    sidebands: Scored
    validation: Scored
    windows: Windows

    def non_closure(self, background_efficiency: float) -> NonClosure:
        """Return how many more events of the bands pass a cut than expected, relative to those expected.

        As in the analysis itself, the threshold is a quantile of the template, and the ratio of data to template
        behind the cut in the sidebands corrects the expectation. The number of events before the cut is that of the
        data, band by band: the error of a sideband fit's yield is none of the template's.
        """
        threshold = self.template.quantile(background_efficiency)
        low, high = self.windows.signal
        middle = 0.5 * (low + high)
        bands = [(low, middle), (middle, high)]
        here = _ratio(self.data, self.template, bands, threshold)
        there = _ratio(self.sidebands, self.validation, list(self.windows.sidebands), threshold)
        if here is None or there is None or there[0] == 0:
            return NonClosure(0.0, 1.0)
        ratio = here[0] / there[0]
        return NonClosure(ratio - 1, float(max(ratio, 1.0) * np.hypot(here[1], there[1])))


def validate(
    method: Method,
    classifier: Classifier,
    data: Sample,
    windows: Windows,
    *,
    width: float | None = None,
    folds: int = 5,
    seed: int,
) -> Validation:
    """Try a method in bands on both sides of the signal region, whose own events it never sees.

    Parameters
    ----------
    method, classifier
        Untrained, as in the analysis.
    data
        All data; those in the signal region are put aside first.
    windows
        Those of the analysis.
    width
        Of each band, GeV; see `Windows.validation`.
    folds, seed
        Of the cross-fit, and of all trainings.

    Raises
    ------
    ConfigError
        If a band would swallow its sideband.
    InputError
        If there are too few events beside the bands.

    Notes
    -----
    A classifier finds whatever sets data apart from the template, and behind its cut there is more data than
    template even without a signal (arXiv:2411.00085). Neither the spread between trainings nor the sidebands show
    that; the same cut on data that are known to hold next to no signal does.
    """
    outside = data.select(~windows.in_signal(data.mass))
    wide = windows.validation(width)
    try:
        background = method.fit(outside, wide, seed=seed + SEED).without(windows.signal)
        scores = score(classifier, outside, background, folds=folds, seed=seed + SEED)
    except InputError as error:
        raise InputError(
            f"validation bands: {error}; or do without the bands (regions.validation: 0)"
        ) from error
    return Validation(
        data=_bare(scores.data),
        template=_bare(scores.template),
        sidebands=_bare(scores.sidebands),
        validation=_bare(scores.validation),
        windows=wide,
    )


def bare(mass: FloatArray, weight: FloatArray, score: FloatArray) -> Scored:
    """Return scored events without features."""
    return Scored(Sample(mass, np.empty((len(mass), 0)), (), weight), score)


def _bare(scored: Scored) -> Scored:
    return bare(scored.sample.mass, scored.sample.weight, scored.score)


def _ratio(
    data: Scored, template: Scored, bands: list[Window], threshold: float
) -> tuple[float, float] | None:
    """Return data over expectation behind a threshold, and its relative error; None where nothing is expected."""
    observed = expected = variance = 0.0
    for band in bands:
        seen, made = data.window(*band), template.window(*band)
        passing = made.above(threshold)
        observed += len(seen.above(threshold))
        if len(passing):
            share = float(passing.weight.sum() / made.sample.weight.sum())
            expected += len(seen.score) * share
            variance += (len(seen.score) * share) ** 2 / len(passing)
    if expected == 0:
        return None
    return observed / expected, float(np.sqrt(max(observed, 1.0) + variance) / expected)
