"""Validation: the whole method tried where the background is known: beside the signal region, and in simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from hepflow.classifiers import DensityRatio
from hepflow.errors import InputError
from hepflow.methods import Method
from hepflow.methods.folds import FOLDS
from hepflow.regions import Windows
from hepflow.sample import FloatArray, Sample
from hepflow.selection.scores import Scored, Scores, score

BANDS_SEED, SIMULATION_SEED = 10_000, 20_000  # between the seeds of an analysis and those of its validations
NEXT_SEED = 100_000  # between those of several trials in the bands


@dataclass(frozen=True, eq=False)
class Validation:
    """A method's scores where the background is known: in validation bands, or in simulation.

    Parameters
    ----------
    data, template
        What stands for the signal region: data (or simulation) and background template, none scored by a classifier
        that saw it. Their samples carry no features.
    sidebands, validation
        The same in the sidebands; no classifier was trained there.
    windows
        Those of the tried method. For bands, its signal region holds them and, between them, the true one.
    """

    data: Scored
    template: Scored
    sidebands: Scored
    validation: Scored
    windows: Windows

    @classmethod
    def of(cls, scores: Scores) -> Validation:
        """Take the scores of a method that was tried where the background is known, regions as its background has."""
        return cls(
            data=_bare(scores.data),
            template=_bare(scores.template),
            sidebands=_bare(scores.sidebands),
            validation=_bare(scores.validation),
            windows=scores.background.windows,
        )


def validate(
    method: Method,
    classifier: DensityRatio,
    data: Sample,
    windows: Windows,
    *,
    simulation: Sample | None = None,
    width: float | None = None,
    folds: int = FOLDS,
    seed: int,
    training: int = 0,
    checkpoint: Path | None = None,
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
    simulation
        Simulated background, for the methods that start from one.
    width
        Of each band, GeV; see `Windows.validation`.
    folds, seed
        Of the cross-fit, and of all trainings.
    training
        Which of several trials of the same analysis it is: each has seeds of its own.
    checkpoint
        Where trainings of the method are kept as they go, and taken up; see `Method.fit`.

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
    seed = seed_of_bands(seed, training)
    try:
        background = method.fit(
            outside, wide, simulation=simulation, folds=folds, seed=seed, checkpoint=checkpoint
        )
        background = background.without(windows.signal)
        scores = score(classifier, outside, background, seed=seed)
    except InputError as error:
        raise InputError(
            f"validation bands: {error}; or do without the bands (regions.validation: 0)"
        ) from error
    return Validation.of(scores)


def seed_of_bands(seed: int, training: int) -> int:
    """Return the seed of a trial in the bands, for an analysis of this seed."""
    return seed + BANDS_SEED + NEXT_SEED * training


def validate_in_simulation(
    method: Method,
    classifier: DensityRatio,
    simulation: Sample,
    data: Sample,
    windows: Windows,
    *,
    folds: int = FOLDS,
    seed: int,
    checkpoint: Path | None = None,
) -> Validation:
    """Try a method on simulated background, in the regions of the analysis: it holds no signal.

    Parameters
    ----------
    method, classifier
        Untrained, as in the analysis.
    simulation
        Simulated background. Trained on are as many of its events as the sidebands of the data hold, drawn by
        weight: how far a method is off depends on how much it learns from. All others measure how far that is. See
        `enough_simulation`.
    data
        Data, of which the events in the sidebands are counted, and nothing else is looked at.
    windows
        Those of the analysis.
    folds, seed
        Of the cross-fit, and of all trainings.
    checkpoint
        Where trainings of the method are kept as they go, and taken up; see `Method.fit`.

    Raises
    ------
    InputError
        If a weight is negative, or there is too little simulation in a region or for a training.
    """
    seed += SIMULATION_SEED
    try:
        windows.split(simulation)  # which says what is missing
        events = _unweighted(simulation.without_truth(), seed)
        wanted = windows.in_sidebands(data.mass).sum() / max(windows.in_sidebands(events.mass).sum(), 1)
        trained = np.random.default_rng(seed + 1).random(len(events)) < wanted
        small, rest = events.select(trained), events.select(~trained)
        background = method.fit(small, windows, folds=folds, seed=seed, checkpoint=checkpoint)
        scores = score(classifier, small, background, signal=rest, seed=seed)
    except InputError as error:
        raise InputError(f"validation in simulation: {error}; or do without inputs.simulation") from error
    inside, outside = windows.in_signal(rest.mass), windows.in_sidebands(rest.mass)
    unseen = cast("Scored", scores.signal)  # the rest, scored like signal: no training saw it
    return replace(
        Validation.of(scores),
        data=_bare(scores.data, unseen.select(inside)),
        sidebands=_bare(scores.sidebands, unseen.select(outside)),
    )


def enough_simulation(simulation: Sample, data: Sample, windows: Windows) -> bool:
    """Return whether simulation, drawn by weight, holds as many events in the sidebands as the data.

    With fewer a method learns less, and what it misses says little of the analysis.
    """
    weight = simulation.weight[windows.in_sidebands(simulation.mass)]
    return bool(
        weight.sum() >= windows.in_sidebands(data.mass).sum() * simulation.weight.max(initial=0.0) > 0
    )


def _unweighted(simulation: Sample, seed: int) -> Sample:
    """Return events drawn with probabilities in the ratios of their weights, each of weight one."""
    weight = simulation.weight
    if not np.all(weight >= 0) or not np.any(weight > 0):
        raise InputError(
            f"event weights from {weight.min():g} to {weight.max():g}; expected zero or more, since events are drawn "
            "by weight"
        )
    kept = simulation.select(np.random.default_rng(seed).random(len(weight)) * weight.max() < weight)
    return replace(kept, weight=np.ones(len(kept)))


def bare(mass: FloatArray, weight: FloatArray, score: FloatArray) -> Scored:
    """Return scored events without features."""
    return Scored(Sample(mass, np.empty((len(mass), 0)), (), weight), score)


def _bare(*parts: Scored) -> Scored:
    mass, weight, score = (
        np.concatenate(columns)
        for columns in zip(*((one.sample.mass, one.sample.weight, one.score) for one in parts), strict=True)
    )
    return bare(mass, weight, score)
