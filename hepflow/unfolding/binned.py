"""Unfolding in bins: iterative Bayes and Tikhonov's regularisation, the references for methods without bins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from hepflow.errors import ConfigError, FitError
from hepflow.events import FloatArray
from hepflow.replicas import bootstrapped
from hepflow.unfolding.histogram import UnfoldedHistogram
from hepflow.unfolding.pairs import Pairs
from hepflow.unfolding.response import Response

TOYS = 200
STRENGTHS = np.geomspace(1e-8, 1e3, 45)  # of Tikhonov's regularisation, among which one is chosen
ENDS, TINY = 3, 1e-300  # strengths at either end that are no corner; what has a logarithm


class _Binned(ABC):
    """What methods in bins have in common: bins are filled, and data and simulation are drawn anew for the errors."""

    toys: int

    def __post_init__(self) -> None:
        if self.toys < 3:
            raise ConfigError(
                f"{type(self).__name__}: {self.toys} toys; expected three or more: their spread is the error"
            )

    def unfold(
        self,
        pairs: Pairs,
        data: Any,
        edges: ArrayLike,
        reco_edges: ArrayLike | None = None,
        *,
        of: str | None = None,
        seen: str | None = None,
        seed: int,
    ) -> UnfoldedHistogram:
        """Unfold a histogram of data; arguments and what is raised as of `Response.of`.

        `seed` is that of the toys.

        Raises
        ------
        ConfigError
            Also if the method needs other bins: `Tikhonov` three generated ones or more, and at least as many
            reconstructed ones.
        FitError
            If the bins do not determine the yields.
        """
        response = Response.of(pairs, data, edges, reco_edges, of=of, seen=seen)
        method, random, inner = self._method(response), np.random.default_rng(seed), response.inner
        each = np.array([method(response.toy(random))[inner] for _ in range(self.toys)])
        return UnfoldedHistogram(
            response.quantity,
            response.truth_edges[inner.start : inner.stop + 1],
            method(response)[inner],
            bootstrapped(each),
            response.prior[inner],
            each,
        )

    @abstractmethod
    def _method(self, response: Response) -> Callable[[Response], FloatArray]:
        """Return what gives the yields of every toy, with the settings that the data themselves ask for."""


@dataclass(frozen=True)
class IterativeBayes(_Binned):
    """Iterative Bayesian unfolding: the prior is the simulation's, then the result of the iteration before.

    Parameters
    ----------
    iterations
        More of them lower the dependence on the simulation and raise the variance.
    toys
        Unfoldings of data and simulation drawn anew in each bin, of which the covariance is made.

    Notes
    -----
    G. D'Agostini, Nucl. Instrum. Meth. A 362 (1995) 487 (the iteration of Richardson and Lucy). Fakes are a part of
    what is expected in each reconstructed bin, with the yield of the simulation.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> generated = random.normal(0.0, 1.0, 20_000)
    >>> table = {"x": generated, "measured": random.normal(generated, 0.3)}
    >>> pairs = hf.unfolding.Pairs.of(table, truth=["x"], reco=["measured"])
    >>> data = random.normal(random.normal(0.2, 0.8, 20_000), 0.3)
    >>> found = hf.unfolding.IterativeBayes(iterations=4).unfold(pairs, data, [-2, -1, 0, 1, 2], seed=1)
    >>> bool(abs(found.values[2] - 20_000 * 0.4399) < 4 * found.error[2])
    True
    """

    iterations: int = 5
    toys: int = TOYS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations < 1:
            raise ConfigError(f"IterativeBayes: {self.iterations} iterations; expected one or more")

    def _method(self, response: Response) -> Callable[[Response], FloatArray]:
        return self._once

    def _once(self, response: Response) -> FloatArray:
        matrix = _matrix(response)
        efficiency = matrix.sum(axis=0)
        found = response.prior
        for _ in range(self.iterations):
            expected = matrix @ found + response.fakes
            ratio = np.divide(response.data, expected, out=np.zeros_like(expected), where=expected > 0)
            found = np.divide(
                found * (matrix.T @ ratio), efficiency, out=np.zeros_like(found), where=efficiency > 0
            )
        return found


@dataclass(frozen=True)
class Tikhonov(_Binned):
    r"""Least squares with a penalty on curvature: of the unfolded yields over the simulation's, as TUnfold has it.

    It minimises :math:`(y - A x)^T V^{-1} (y - A x) + \tau \, |L (x / x_0)|^2`, where L takes second differences and
    y is what is left of data without fakes.

    Parameters
    ----------
    strength
        What tau is, in units in which 1 balances both terms; left out, that of the corner of the L-curve.
    toys
        As of `IterativeBayes`.

    Notes
    -----
    S. Schmitt, JINST 7 (2012) T10003 (TUnfold), which scans the L-curve, too (P. C. Hansen). More reconstructed than
    generated bins, twice as many for example, make it well defined.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> generated = random.normal(0.0, 1.0, 20_000)
    >>> table = {"x": generated, "measured": random.normal(generated, 0.3)}
    >>> pairs = hf.unfolding.Pairs.of(table, truth=["x"], reco=["measured"])
    >>> data = random.normal(random.normal(0.2, 0.8, 20_000), 0.3)
    >>> found = hf.unfolding.Tikhonov().unfold(pairs, data, [-2, -1, 0, 1, 2], np.linspace(-2, 2, 9), seed=1)
    >>> bool(abs(found.values[2] - 20_000 * 0.4399) < 4 * found.error[2])
    True
    """

    strength: float | None = None
    toys: int = TOYS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strength is not None and not self.strength >= 0:
            raise ConfigError(f"Tikhonov: strength {self.strength}; expected zero or more")

    def _method(self, response: Response) -> Callable[[Response], FloatArray]:
        rows, bins = response.joint.shape
        if rows < bins or bins < 3:
            raise ConfigError(
                f"Tikhonov: {rows} reconstructed and {bins} generated bins; expected three generated ones or more, "
                "and at least as many reconstructed ones"
            )
        strength = self._chosen(response) if self.strength is None else self.strength
        return lambda one: _solved(one, strength)[0]

    def _chosen(self, response: Response) -> float:
        """Return the strength at the corner of the L-curve, where its curvature in logarithms is largest."""
        curve = []
        for strength in STRENGTHS:
            try:
                curve.append((strength, *_solved(response, strength)[1:]))
            except FitError:
                continue  # too weak to determine the yields
        if len(curve) <= 2 * ENDS:
            raise FitError("Tikhonov: no strength determines the yields; take fewer generated bins")
        found = np.array(curve)
        misfit, rough = np.log(np.maximum(found[:, 1:], TINY)).T
        right, down = np.gradient(misfit), np.gradient(rough)
        length = np.maximum((right**2 + down**2) ** 1.5, TINY)
        bend = ((right * np.gradient(down) - down * np.gradient(right)) / length)[ENDS:-ENDS]
        return float(found[ENDS + int(np.argmax(bend)), 0])


def _solved(response: Response, strength: float) -> tuple[FloatArray, float, float]:
    """Return the yields (B,), chi2 of the data, and the squared second differences of yields over the prior."""
    prior = response.prior
    matrix = _matrix(response) * prior  # of the yields over the prior, which are about one
    expected = response.joint.sum(axis=1) + response.fakes
    used = expected > 0
    # bins without data have an error, too: that of what is expected there
    unit = float(response.data_squares.sum() / response.data.sum())
    variance = np.where(response.data_squares > 0, response.data_squares, unit * expected)[used]
    rows = matrix[used] / variance[:, None]
    curvature = np.diff(np.eye(len(prior)), 2, axis=0)
    fisher = matrix[used].T @ rows
    penalty = curvature.T @ curvature
    penalty *= strength * np.trace(fisher) / np.trace(penalty)
    try:
        factor = cho_factor(fisher + penalty)
    except LinAlgError:
        raise FitError(
            "Tikhonov: the reconstructed bins do not determine the generated ones; take fewer of these, or a "
            "larger strength"
        ) from None
    solve = cho_solve(factor, rows.T)
    left = (response.data - response.fakes)[used]
    found = solve @ left
    chi2 = float(np.sum((left - matrix[used] @ found) ** 2 / variance))
    return prior * found, chi2, float(np.sum((curvature @ found) ** 2))


def _matrix(response: Response) -> FloatArray:
    prior = response.prior
    return np.divide(response.joint, prior, out=np.zeros_like(response.joint), where=prior > 0)
