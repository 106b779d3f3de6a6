"""Pseudo-experiments ("toys"): test statistics of many data sets thrown from a model, and the p-values they give.

Auxiliary data are thrown along with the main data, with the nuisance parameters at their values in the fit of the
hypothesis to the data (arXiv:1007.1727, sec. 2.1; the LHC's convention).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import xlogy

from hepflow.errors import ConfigError
from hepflow.importance import balance_heuristic
from hepflow.sample import FloatArray
from hepflow.stats.batch import Minima, fit_many
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.profile import AnyModel, Profile, as_profile
from hepflow.stats.thrown import poisson

TOYS = 10_000
TIE = 1e-5  # of a test statistic: the same counts give the same value up to the fits' precision
_RARE = 1.5  # sigma, from where on toys are thrown with signal, too


@dataclass(frozen=True, eq=False)
class ToyPValue:
    """The p-value of an observed test statistic, from toys.

    Parameters
    ----------
    p, error
        The p-value and its statistical error.
    z
        Its significance; 0 for p above a half.
    observed
        The observed test statistic.
    toys, weights
        Those of the toys, and what each stands for, shapes ``(T,)``.
    """

    p: float
    error: float
    z: float
    observed: float
    toys: FloatArray
    weights: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers without the single toys."""
        return {
            "p": self.p,
            "error": self.error,
            "z": self.z,
            "observed": self.observed,
            "toys": len(self.toys),
        }


def throw(model: Likelihood, x: FloatArray, toys: int, rng: np.random.Generator) -> FloatArray:
    """Throw data sets, main then auxiliary data, shape ``(toys, N + A)``, from parameters (P,)."""
    held = model.constraints
    mean, width = x[held.index] * np.where(held.poisson, held.width, 1.0), held.width
    data = np.empty((toys, model.n_bins + len(mean)))
    data[:, : model.n_bins] = poisson(rng, model.rates(x)[0], (toys, model.n_bins))
    auxiliary = data[:, model.n_bins :]
    auxiliary[:, held.poisson] = poisson(rng, mean[held.poisson], (toys, int(held.poisson.sum())))
    auxiliary[:, ~held.poisson] = rng.normal(
        mean[~held.poisson], width[~held.poisson], (toys, int(np.sum(~held.poisson)))
    )
    fixed = model.fixed[held.index]  # no fit could follow what they fluctuate to
    auxiliary[:, fixed] = model.auxiliary[fixed]
    return data


def conditional(model: Likelihood, data: FloatArray, mu: float, start: FloatArray) -> Minima:
    """Fit data (T, N + A) with the signal strength held at `mu`."""
    start, free = start.copy(), ~model.fixed
    start[..., model.poi], free[model.poi] = mu, False
    return fit_many(model, data, start, free=free)


def q0_many(model: Likelihood, data: FloatArray, start: FloatArray, *, signed: bool = False) -> FloatArray:
    """Return the discovery statistic (arXiv:1007.1727, eq. 12) of data (T, N + A), shape ``(T,)``.

    Where the likelihood falls with the first signal event, `mu` is taken to be below zero and the statistic is zero;
    with `signed` it is minus the rise of -2 ln L there, which makes all p-values from 0 to 1 possible.
    """
    background = conditional(model, data, 0.0, start)
    excess = background.gradient[:, model.poi] < 0
    fitted = excess | signed
    q = np.zeros(len(data))
    low = model.low if signed else _with(model.low, model.poi, 0.0)
    if np.any(fitted):
        free = fit_many(model, data[fitted], background.x[fitted], low=low)
        q[fitted] = np.maximum(background.value[fitted] - free.value, 0.0)
    return np.where(excess, q, -q)


def q_mu_many(
    model: Likelihood, data: FloatArray, mu: float, start: FloatArray, free: FloatArray | None = None
) -> FloatArray:
    """Return the statistic for upper limits, q~mu (arXiv:1007.1727, eq. 16), of data (T, N + A), shape ``(T,)``.

    `free` is -2 ln L (T,) of the fits with ``mu >= 0``, where it is known already.
    """
    held = conditional(model, data, mu, start)
    below = held.gradient[:, model.poi] > 0  # the best fit has less signal
    q = np.zeros(len(data))
    if np.any(below):
        best = free_value(model, data[below], held.x[below]) if free is None else free[below]
        q[below] = np.maximum(held.value[below] - best, 0.0)
    return q


def free_value(model: Likelihood, data: FloatArray, start: FloatArray) -> FloatArray:
    """Return -2 ln L at the best fit with ``mu >= 0`` of data (T, N + A), shape ``(T,)``."""
    return fit_many(model, data, start, low=_with(model.low, model.poi, 0.0)).value


def p0_toys(
    model: AnyModel | Profile, data: ArrayLike | None = None, *, toys: int = TOYS, seed: int
) -> ToyPValue:
    """Return the p-value of the background-only hypothesis from toys of it.

    A small p-value needs no huge number of toys: a share of them is thrown from the best fit with a signal and from
    half-way to it, and each toy is weighted by how likely it is without one (importance sampling from a mixture).

    Parameters
    ----------
    model, data
        As for `Profile`; or a Profile alone.
    toys
        How many to throw.
    seed
        Of the random numbers.

    Raises
    ------
    ConfigError
        If fewer than a hundred toys are asked for.
    FitError
        If a fit to the data does not converge.

    Examples
    --------
    The chance of 130 events or more where 100 are expected is 0.0023:

    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> profile = hf.stats.Profile(*hf.stats.open_workspace(hf.stats.workspace(spectrum)))
    >>> found = hf.stats.p0_toys(profile, toys=2000, seed=1)
    >>> abs(found.p - 0.0023) < 4 * found.error
    True
    """
    check_toys(toys)
    profile, rng = as_profile(model, data), np.random.default_rng(seed)
    likelihood, null = profile.model, profile.conditional(0.0).x
    observed = profile.rise(0.0) if profile.mu_hat > 0 else 0.0
    points = [null]
    if observed > _RARE**2:
        points += [0.5 * (null + profile.free.x), profile.free.x]
    sizes = np.full(len(points), toys // len(points))
    sizes[0] += toys - sizes.sum()
    thrown = np.concatenate([throw(likelihood, x, n, rng) for x, n in zip(points, sizes, strict=True)])
    weights = mixture_weights(likelihood, thrown, points, sizes.tolist())[0]
    q = q0_many(likelihood, thrown, null)
    if observed == 0.0:
        return ToyPValue(0.5, 0.0, 0.0, 0.0, q, weights)
    p, error = (float(each[0]) for each in tail(q, weights, np.array([observed])))
    return ToyPValue(p, error, max(float(stats.norm.isf(p)), 0.0), observed, q, weights)


def tail(toys: FloatArray, weights: FloatArray, observed: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the p-values of observed statistics (K,) and their errors, from weighted toys (T,); ties count."""
    hits = weights * reaches(toys, observed[:, None])
    return np.mean(hits, axis=1), np.std(hits, axis=1) / np.sqrt(len(toys))


def reaches(toys: FloatArray, observed: ArrayLike) -> NDArray[np.bool_]:
    """Return which statistics of toys are as large as an observed one; ties count."""
    level = np.asarray(observed, dtype=np.float64)
    found: NDArray[np.bool_] = toys >= level - TIE * (1.0 + np.abs(level))
    return found


def check_toys(toys: int) -> None:
    """Raise ConfigError if there are too few toys to say anything."""
    if toys < 100:
        raise ConfigError(f"{toys} toys: a hundred is the least that gives a p-value; thousands are usual")


def mixture_weights(
    model: Likelihood, data: FloatArray, points: Sequence[FloatArray], sizes: Sequence[int]
) -> FloatArray:
    """Return what toys stand for under each hypothesis where several threw them (the balance heuristic).

    Parameters
    ----------
    model
        The likelihood.
    data
        The toys of all hypotheses together, shape ``(T, N + A)``.
    points, sizes
        The parameters (P,) of each hypothesis, and how many toys it threw.

    Returns
    -------
    ndarray
        The density of each toy under each of the `H` hypotheses over its density in the mixture, ``(H, T)``.
    """
    return balance_heuristic(np.stack([_log_density(model, data, x) for x in points]), sizes)


def _log_density(model: Likelihood, data: FloatArray, x: FloatArray) -> FloatArray:
    """Return ln L (T,) of data (T, N + A) at parameters (P,), but for what does not depend on the parameters."""
    held, poisson = model.constraints, model.constraints.poisson
    rates = np.maximum(model.rates(x)[0], 0.0)
    at, auxiliary = x[held.index], data[:, model.n_bins :]
    mean, a = (at * held.width)[poisson], auxiliary[:, poisson]
    pulls = (auxiliary[:, ~poisson] - at[~poisson]) / held.width[~poisson]
    main = xlogy(data[:, : model.n_bins], rates) - rates
    return np.asarray(
        main.sum(axis=1) + np.sum(xlogy(a, mean) - mean, axis=1) - 0.5 * np.sum(pulls**2, axis=1)
    )


def _with(x: FloatArray, index: int, value: float) -> FloatArray:
    changed = x.copy()
    changed[index] = value
    return changed
