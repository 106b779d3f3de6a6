"""The supervised reference: a classifier of true signal against background, which no search has."""

from __future__ import annotations

import numpy as np

from hepflow.classifiers import DensityRatio, crossfit
from hepflow.methods import Background
from hepflow.sample import Sample
from hepflow.selection.overlap import check_no_overlap
from hepflow.selection.scores import Scored, Scores, deal_samples


def supervised(
    classifier: DensityRatio,
    data: Sample,
    background: Background,
    signal: Sample,
    *,
    seed: int,
) -> Scores:
    """Train a classifier on signal against background in the signal region, and score everything.

    Parameters
    ----------
    classifier
        An untrained classifier.
    data
        All data. They are scored, and not trained on unless they stand in the background.
    background
        Of the idealized method (`hepflow.methods.Idealized`): events that are background by truth.
    signal
        Signal events that are not among the data, those in the signal region cross-fitted: none is scored by a
        classifier that saw it.
    seed
        Of the classifiers, and of the folds of the signal.

    Raises
    ------
    InputError
        If signal events stand in the data, or there are too few of them for so many folds.
    """
    check_no_overlap(signal, data)
    windows = background.windows
    inside, outside = windows.split(data)
    fold_of = deal_samples(data, background, seed, len(signal))
    resonant = windows.in_signal(signal.mass)
    fit = crossfit(
        classifier,
        signal.select(resonant),
        background.template,
        folds=background.folds.count,
        fold_of=(fold_of.signal[resonant], fold_of.template),
        seed=seed,
    )
    score = np.empty(len(signal))
    score[resonant] = fit.numerator
    score[~resonant] = fit.score(signal.select(~resonant), fold_of.signal[~resonant])
    return Scores(
        data=Scored(inside, fit.score(inside, fold_of.data)),
        template=Scored(background.template, fit.denominator),
        sidebands=Scored(outside, fit.score(outside, fold_of.sidebands)),
        validation=Scored(background.validation, fit.score(background.validation, fold_of.validation)),
        signal=Scored(signal, score),
        background=background,
    )
