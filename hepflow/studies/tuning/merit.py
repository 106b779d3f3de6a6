"""What the trials of a tuning are judged by: figures of merit in the validation bands, beside the signal region."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from hepflow.classifiers import DensityRatio, deal
from hepflow.errors import ConfigError, FitError
from hepflow.flows import Density
from hepflow.methods import Background
from hepflow.methods.sidebands import at_bin_centres
from hepflow.regions import Window, Windows
from hepflow.sample import Sample
from hepflow.selection import Validation, non_closure
from hepflow.selection.scores import Scored, crossfit_scores


@dataclass(frozen=True, eq=False)
class Bands:
    """Data without the signal region, and windows in which the validation bands stand in its place.

    Parameters
    ----------
    data
        Data outside the signal region, truth taken off.
    windows
        Signal region: the bands and, between them, the true one, which is empty. Sidebands: what is left of them.
    hole
        The true signal region, GeV.
    """

    data: Sample
    windows: Windows
    hole: Window

    @classmethod
    def of(cls, data: Sample, windows: Windows, width: float | None) -> Bands:
        """Cut the signal region away, and put validation bands of a width (GeV; None for the usual) in its place."""
        outside = data.select(~windows.in_signal(data.mass)).without_truth()
        return cls(outside, windows.validation(width), windows.signal)

    @property
    def judged(self) -> Sample:
        """The events in the bands."""
        return self.data.window(*self.windows.signal)


def log_likelihood(density: Density, bands: Bands, bin_width: float, seed: int) -> float:
    """Train a density beside the validation bands, and return the mean log p(x | m) of the events in them, in nats.

    That is what the density is for: to be right at masses between those that it has learned from. Events outside the
    bounds of the training rows, whatever the density there, are left out: they are the same for all densities.

    Raises
    ------
    InputError
        If there are too few events to train on.
    FitError
        If the likelihood is not finite.
    """
    edges = bands.windows.edges(bin_width)
    beside = bands.data.select(bands.windows.in_sidebands(bands.data.mass))
    density.fit(at_bin_centres(beside, edges), seed)
    judged = at_bin_centres(bands.judged, edges)
    found = density.log_prob(judged.features, judged.mass)
    inside = found != -np.inf
    if not inside.any() or not np.isfinite(found[inside]).all():
        raise FitError("the likelihood of the events in the validation bands is not finite")
    return float(np.average(found[inside], weights=judged.weight[inside]))


@dataclass(frozen=True, eq=False)
class SignalInBands:
    """Data with some signal in the validation bands, and the template of a method there.

    Parameters
    ----------
    data
        Those of the bands and sidebands, then the signal events that were put in.
    injected
        How many those are.
    signal
        Other signal events, which stay for evaluation.
    background
        The template, and the folds of all these data.
    """

    data: Sample
    injected: int
    signal: Sample
    background: Background

    @classmethod
    def of(
        cls, bands: Bands, background: Background, signal: Sample, significance: float, seed: int
    ) -> SignalInBands:
        """Put ``significance * sqrt(B)`` signal events among the B events of the bands.

        Signal of the true signal region is taken, and given the masses of events in the bands: a classifier sees the
        features alone.

        Raises
        ------
        ConfigError
            If the signal sample has fewer than twice as many events there.
        """
        judged = bands.judged
        events = max(1, round(significance * np.sqrt(len(judged))))
        there = signal.window(*bands.hole).without_truth()
        if len(there) < 2 * events:
            raise ConfigError(
                f"tune.significance: {significance:g} asks for {events:,} signal events and as many to judge by, but "
                f"{len(there):,} stand in the signal region; give a larger inputs.signal or ask for less"
            )
        random = np.random.default_rng(seed)
        there = replace(there, mass=random.choice(judged.mass, len(there)))
        order = random.permutation(len(there))
        added = replace(there.select(order[:events]), weight=np.ones(events), cutflow=())
        data = Sample.concat([replace(bands.data, cutflow=()), added])
        folds = background.folds  # of the data alone
        dealt = replace(folds, data=np.concatenate([folds.data, deal(events, folds.count, seed)]))
        return cls(data, events, there.select(order[events:]), replace(background, folds=dealt))


@dataclass(frozen=True)
class Expected:
    """What a classifier would see of the signal behind a cut.

    Parameters
    ----------
    significance
        ``S / sqrt(B + (delta B)^2)`` of the S injected and B background events that pass, delta the relative
        non-closure as far as it exceeds its own statistical error.
    signal_efficiency
        Share of the signal that passes.
    non_closure, non_closure_error
        Background over expectation behind the cut, less one, as in the validation of an analysis.
    """

    significance: float
    signal_efficiency: float
    non_closure: float
    non_closure_error: float


def expected(
    classifier: DensityRatio, filled: SignalInBands, background_efficiency: float, seed: int
) -> Expected:
    """Train a classifier on data with signal against the template, cross-fitted, and see what passes a cut.

    Without any signal, the best classifier in the bands would be the one that finds nothing. Signal that is put
    there makes it worth looking, and the non-closure is the price of looking at what the template has wrong.
    """
    scores = crossfit_scores(
        classifier, filled.data, filled.background, signal=filled.signal, seed=seed
    ).scores
    known = np.arange(len(scores.data.score)) < len(scores.data.score) - filled.injected
    alone = replace(scores, data=scores.data.select(known))
    closure = non_closure([Validation.of(alone)], background_efficiency)
    passes = cast(Scored, scores.signal).score > scores.template.quantile(background_efficiency)
    efficiency = float(np.average(passes, weights=filled.signal.weight))
    background = background_efficiency * int(known.sum())
    excess = max(0.0, closure.value**2 - closure.error**2)
    significance = efficiency * filled.injected / np.sqrt(background + excess * background**2)
    return Expected(float(significance), efficiency, closure.value, closure.error)
