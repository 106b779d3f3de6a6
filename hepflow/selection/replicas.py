"""Replicas: the error that the training leaves on a template, from the spread of independent trainings.

Each replica is one training with its own seed on its own bootstrap of the events. What the finite number of template
events explains is taken off their spread: it has errors of its own, bin by bin.
"""

from __future__ import annotations

import numpy as np

from hepflow.importance import unit_weight
from hepflow.sample import FloatArray
from hepflow.selection.scores import Scores

TRACY_WIDOM = 0.9793  # 95 % quantile of the Tracy-Widom distribution for real matrices


def replica_counts(scores: Scores, threshold: float, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how many template events of each replica pass a cut.

    Parameters
    ----------
    scores
        With R replicas in the background.
    threshold
        What a score must exceed.
    edges
        Bins of m_jj, shape ``(B + 1,)``, GeV.

    Returns
    -------
    passing, beside
        Events in each bin, shape ``(R, B)``, and in all sidebands, shape ``(R,)``: those of the template in units of
        unweighted events, ``sum(w)^2 / sum(w^2)`` in total.
    """
    background = scores.background
    counts = []
    for scored, replica in (
        (scores.template, background.replica),
        (scores.validation, background.validation_replica),
    ):
        above = scored.score > threshold
        weight = scored.sample.weight[above]
        counts.append((scored.sample.mass[above], weight / unit_weight(weight), replica[above]))
    replicas = np.unique(background.replica)
    (mass, events, of), (_, outside, of_outside) = counts
    passing = [np.histogram(mass[of == one], edges, weights=events[of == one])[0] for one in replicas]
    return np.array(passing), np.array([outside[of_outside == one].sum() for one in replicas])


def training_modes(passing: FloatArray, beside: FloatArray) -> FloatArray:
    """Return independent relative shifts of a spectrum, one standard deviation each, from the spread of replicas.

    Parameters
    ----------
    passing
        Template events of each replica in each bin of the signal region, shape ``(R, B)``.
    beside
        The same in the sidebands as a whole, shape ``(R,)``: data there correct the factor that both have in common.

    Returns
    -------
    ndarray
        Shape ``(M, B)``. The first row moves all bins with events alike, the others move the shape and no event in
        total. Empty for fewer than two replicas with events, which have no spread.

    Notes
    -----
    The errors are those of a single replica, not of the mean of all: replicas share training events, and what they
    get wrong together no mean takes away.

    For the shape, the shares of the bins are scaled to unit variance under multinomial statistics. Of replicas that
    agree, their covariance is a white Wishart matrix, whose eigenvalues end at the edge of Marchenko and Pastur
    (Math. USSR Sb. 1 (1967) 457). With few replicas that edge is blurred: an eigenvalue counts as an error if it lies
    beyond what the largest of such a matrix exceeds in 1 of 20 cases (Ma, Bernoulli 18 (2012) 322, arXiv:1203.0839).
    Noise lifts the eigenvalue of an error too, and that is taken off (Baik and Silverstein, J. Multivariate Anal. 97
    (2006) 1382, arXiv:math/0408165, theorem 1.1).
    """
    enough = (passing.sum(axis=1) > 0) & (beside > 0)
    if enough.sum() < 2:
        return np.zeros((0, passing.shape[1]))
    passing, beside = passing[enough], beside[enough]
    filled = passing.sum(axis=0) > 0  # by replicas that count
    shapes = _shapes(passing[:, filled])
    modes = np.zeros((1 + len(shapes), len(filled)))
    modes[0, filled] = _rate(passing.sum(axis=1), beside)
    modes[1:, filled] = shapes
    return modes


def _rate(inside: FloatArray, beside: FloatArray) -> float:
    """Return the relative spread of the ratio of two counts (R,) beyond their Poisson errors."""
    ratio = inside / beside
    spread = np.var(ratio / ratio.mean(), ddof=1)
    explained = np.mean(1 / inside + 1 / beside)
    return float(np.sqrt(max(spread - explained, 0.0)))


def _shapes(passing: FloatArray) -> FloatArray:
    """Return relative shifts (M, B) of the shape of a spectrum, from replicas (R, B), beyond their Poisson errors."""
    freedom, dimension = len(passing) - 1, passing.shape[1] - 1
    if dimension == 0:
        return np.zeros((0, 1))
    total = passing.sum(axis=1, keepdims=True)
    share = passing.sum(axis=0) / passing.sum()
    white = (passing / total - share) * np.sqrt(total / share)
    _, singular, directions = np.linalg.svd(white, full_matrices=False)
    eigenvalues = singular**2 / freedom
    found = eigenvalues > _largest_of_noise(freedom, dimension)
    size = np.sqrt(_without_noise(eigenvalues[found], dimension / freedom) - 1)
    return np.asarray(size[:, None] * directions[found] * np.sqrt(np.mean(1 / total) / share))


def _largest_of_noise(freedom: int, dimension: int) -> float:
    """Return what the largest eigenvalue of a white sample covariance exceeds in 1 of 20 cases."""
    n, p = np.sqrt(freedom - 0.5), np.sqrt(dimension - 0.5)
    width = (n + p) * np.cbrt(1 / n + 1 / p)
    return float(((n + p) ** 2 + TRACY_WIDOM * width) / freedom)


def _without_noise(eigenvalues: FloatArray, ratio: float) -> FloatArray:
    """Return the variances l behind sample eigenvalues ``l (1 + ratio / (l - 1))``; ratio is dimension over freedom.

    That of the noise is 1, and the relation holds where l stands clear of it, ``l > 1 + sqrt(ratio)``.
    """
    half = 0.5 * (eigenvalues + 1 - ratio)
    return np.asarray(half + np.sqrt(np.maximum(half**2 - eigenvalues, 0.0)))
