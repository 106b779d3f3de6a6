"""Judgement of showers by the protocol of the CaloChallenge: classifiers, separation powers, times."""

from __future__ import annotations

import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import expit, xlogy
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from hepflow.classifiers import DensityRatio, NeuralNetwork, table
from hepflow.classifiers.area import auc_error
from hepflow.errors import ConfigError, InputError
from hepflow.events import FloatArray
from hepflow.progress import progress
from hepflow.sample import Sample
from hepflow.showers.files import Showers
from hepflow.showers.geometry import check_same
from hepflow.showers.model import ShowerModel
from hepflow.showers.observables import high_level, low_level, observables
from hepflow.training import TrainingPlan

HIDDEN = (512, 512)  # as in the challenge's code; its final tables have two layers of 2048
TRIED = 0.2  # share of the showers that the classifier is tried on
VALIDATION = 0.25  # of the others, that choose its epoch: 60, 20 and 20 percent in all
PLAN = TrainingPlan(
    epochs=20,
    batch_size=1000,
    learning_rate=1e-3,
    weight_decay=0.01,
    validation_fraction=VALIDATION,
    best_epochs=1,
)
LEAST = 1000  # showers of each kind
BINS = 50  # of a histogram, within all but a thousandth of real showers on either side
OUTSIDE = 0.001
BATCHES = (1, 100, 10_000)

Level = Literal["low", "high"]
LEVELS = {"low": low_level, "high": high_level}


@dataclass(frozen=True)
class Told:
    """How well networks tell generated showers from real ones.

    Parameters
    ----------
    level
        Of what they see: ``low``, voxels over the incident energy, or ``high``, energies, centres and widths of
        layers.
    auc, auc_error
        Median area under the ROC curve, 0.5 where they cannot; and its error: the spread over seeds, at least that of
        the number of showers they were tried on.
    jsd, jsd_error
        Median Jensen-Shannon divergence in bits, from 0 to 1, of the calibrated networks: a lower bound. Its error is
        the spread over seeds.
    """

    level: Level
    auc: float
    auc_error: float
    jsd: float
    jsd_error: float


@dataclass(frozen=True)
class Judgement:
    """What tells generated showers from real ones.

    Parameters
    ----------
    told
        By networks, of each level.
    separation
        Of each observable: separation power ``1/2 sum((p - q)^2 / (p + q))`` of two histograms, 0 if they are the
        same, 1 if nothing overlaps, and what two real samples of this size would show on average.
    """

    told: tuple[Told, ...]
    separation: dict[str, tuple[float, float]]

    def of(self, level: Level) -> Told:
        """Return what was told of a level."""
        return next(one for one in self.told if one.level == level)


def challenge_network(showers: int) -> NeuralNetwork:
    """Return the classifier of the protocol for so many showers of both kinds: two hidden layers of 512.

    Few are taken in smaller batches than the protocol's, such that an epoch has some.
    """
    batch = min(PLAN.batch_size, int((1 - TRIED) * (1 - VALIDATION) * showers / 3))
    return NeuralNetwork(members=1, hidden=HIDDEN, bins=0, plan=replace(PLAN, batch_size=batch))


def judge(
    generated: Showers,
    real: Showers,
    *,
    levels: Sequence[Level] = ("low", "high"),
    classifier: DensityRatio | None = None,
    repeats: int = 3,
    seed: int,
) -> Judgement:
    """Tell generated showers from real ones that no training saw.

    Parameters
    ----------
    generated, real
        As many of both as there are; incident energies should be the same.
    levels
        What classifiers see.
    classifier
        Untrained; by default a network of two hidden layers of 512. Of the showers, 60 percent train it, 20 choose
        its epoch, and on 20 it is tried.
    repeats
        Trainings, each with splits and first weights of its own.
    seed
        Of all that is drawn.

    Raises
    ------
    ConfigError
        If the geometries differ, or there are no repeats.
    InputError
        If there are fewer than 1,000 showers of a kind.
    """
    check_same(real.geometry, generated.geometry, "judgement")
    if repeats < 1:
        raise ConfigError(f"judgement: {repeats} repeats; expected at least one")
    for what, showers in (("generated", generated), ("real", real)):
        if len(showers) < LEAST:
            raise InputError(f"judgement: {len(showers):,} {what} showers; expected {LEAST:,} or more")
    untrained = challenge_network(len(generated) + len(real)) if classifier is None else classifier
    return Judgement(
        tuple(_told(level, generated, real, untrained, repeats, seed) for level in levels),
        separations(generated, real),
    )


def separations(generated: Showers, real: Showers) -> dict[str, tuple[float, float]]:
    """Return the separation power of each observable, and the mean of that of two real samples as large."""
    made, known = observables(generated), observables(real)
    return {name: separation(made[name], known[name]) for name in known}


def separation(made: FloatArray, real: FloatArray) -> tuple[float, float]:
    """Return the separation power of histograms of values (N,) and (M,), and its mean without a difference."""
    low, high = np.quantile(real, [OUTSIDE, 1 - OUTSIDE])
    edges = np.linspace(low, high, BINS + 1)
    p, q = (
        np.bincount(np.searchsorted(edges, values), minlength=BINS + 2) / len(values)
        for values in (made, real)
    )
    there = p + q > 0
    power = 0.5 * float(np.sum((p - q)[there] ** 2 / (p + q)[there]))
    return power, 0.25 * (int(there.sum()) - 1) * (1 / len(made) + 1 / len(real))


def seconds_per_shower(
    model: ShowerModel, energy: FloatArray, batches: Sequence[int] = BATCHES, *, seed: int
) -> dict[int, float]:
    """Return the seconds that a shower takes, drawn in batches of these numbers of showers.

    Parameters
    ----------
    model
        Trained.
    energy
        Incident energies (N,) in GeV, which are taken in turns.
    batches
        Each is drawn once to begin with, and then at least three times and for a second.
    seed
        Of the showers.
    """
    found = {}
    for batch in batches:
        asked = np.resize(energy, batch)
        model.sample(asked, seed)
        spent: list[float] = []
        while len(spent) < 3 or (sum(spent) < 1 and len(spent) < 100):
            start = time.perf_counter()
            model.sample(asked, seed + len(spent))
            spent.append(time.perf_counter() - start)
        found[batch] = float(np.median(spent)) / batch
    return found


def _told(
    level: Level, generated: Showers, real: Showers, classifier: DensityRatio, repeats: int, seed: int
) -> Told:
    made, known = (table(LEVELS[level](showers)) for showers in (generated, real))
    found = [
        _tried(made, known, classifier, seed + repeat)
        for repeat in progress(range(repeats), f"{level}-level networks", "network")
    ]
    aucs, divergences = np.array(found).T
    tried = max(round(TRIED * len(made)), 1), max(round(TRIED * len(known)), 1)
    chance = auc_error(float(np.median(aucs)), *tried)
    spread = [float(each.std(ddof=1)) if repeats > 1 else 0.0 for each in (aucs, divergences)]
    return Told(
        level, float(np.median(aucs)), max(spread[0], chance), float(np.median(divergences)), spread[1]
    )


def _tried(made: Sample, real: Sample, classifier: DensityRatio, seed: int) -> tuple[float, float]:
    """Train a classifier on some showers; return its AUC and its divergence on the others."""
    random = np.random.default_rng(seed)
    parts = []
    for rows in (made, real):
        order = random.permutation(len(rows))
        cut = round(TRIED * len(rows))
        parts.append((rows.select(order[cut:]), rows.select(order[:cut])))
    (learned, tried), (other, against) = parts
    trained = deepcopy(classifier).fit(learned, other, seed)
    scores = np.concatenate([trained.log_ratio(rows) for rows in (tried, against)])
    truth = np.repeat([1.0, 0.0], [len(tried), len(against)])
    return float(roc_auc_score(truth, scores)), divergence(scores, truth, random)


def divergence(scores: FloatArray, truth: FloatArray, random: np.random.Generator) -> float:
    """Return the Jensen-Shannon divergence in bits that log-ratios (N,) of classes (N,) in {0, 1} show.

    Scores are calibrated by isotonic regression, those of either half by the other half.
    """
    half = random.random(len(scores)) < 0.5
    chance = expit(scores)
    probability = np.empty(len(scores))
    for mine in (half, ~half):
        regression = IsotonicRegression(y_min=1e-6, y_max=1 - 1e-6, out_of_bounds="clip")
        probability[mine] = regression.fit(chance[~mine], truth[~mine]).predict(chance[mine])
    said = xlogy(truth, probability) + xlogy(1 - truth, 1 - probability)
    each = [float(said[truth == kind].mean()) for kind in (1.0, 0.0)]
    return 1 + 0.5 * sum(each) / float(np.log(2))
