"""UnfoldedHistogram: what any method of unfolding gives in bins, with a covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hepflow.errors import ConfigError
from hepflow.events import FloatArray
from hepflow.quantity import Quantity
from hepflow.text import aligned, number, with_error


@dataclass(frozen=True, eq=False)
class UnfoldedHistogram:
    """Events per bin at particle level.

    Parameters
    ----------
    quantity
        What is histogrammed.
    edges
        Shape ``(B + 1,)``.
    values, covariance
        Yields, ``(B,)``, and their covariance, ``(B, B)``.
    prior
        What the simulation had before, ``(B,)``.
    replicas
        The yields in each replica, ``(R, B)``, of which the covariance was made.
    """

    quantity: Quantity
    edges: FloatArray
    values: FloatArray
    covariance: FloatArray
    prior: FloatArray
    replicas: FloatArray

    @property
    def error(self) -> FloatArray:
        """Errors of the values, shape ``(B,)``."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def correlation(self) -> FloatArray:
        """Correlation of the bins, shape ``(B, B)``; zero with bins without an error."""
        error = np.where(self.error > 0, self.error, np.inf)
        found = self.covariance / np.outer(error, error)
        np.fill_diagonal(found, 1.0)
        return np.asarray(found)

    def chi2(self, expected: FloatArray, covariance: FloatArray | None = None) -> tuple[float, int]:
        """Return chi2 and degrees of freedom of yields ``(B,)`` against these, bins without an error left out.

        Parameters
        ----------
        expected
            Shape ``(B,)``.
        covariance
            Of what is expected, added to this one; none if left out.

        Raises
        ------
        ConfigError
            If the shape is another, or the covariance has no inverse, as that of fewer replicas than bins has none.
        """
        wanted = np.asarray(expected, dtype=np.float64)
        if wanted.shape != self.values.shape:
            raise ConfigError(f"chi2: expected yields of shape {self.values.shape}; got {wanted.shape}")
        return chi2(
            self.values - wanted, self.covariance if covariance is None else self.covariance + covariance
        )

    def text(self) -> str:
        """Return a line for each bin."""
        rows = [(self.quantity.plain, "unfolded", "simulation")]
        for low, high, value, error, prior in zip(
            self.edges[:-1], self.edges[1:], self.values, self.error, self.prior, strict=True
        ):
            rows.append((f"{number(low)} to {number(high)}", with_error(value, error), number(prior, ".6g")))
        return "\n".join(aligned(rows))


def chi2(difference: FloatArray, covariance: FloatArray) -> tuple[float, int]:
    """Return chi2 of a difference (B,) and how many bins it is of; raises as `UnfoldedHistogram.chi2`."""
    used = np.diag(covariance) > 0
    matrix, away = covariance[np.ix_(used, used)], difference[used]
    rank = int(np.linalg.matrix_rank(matrix, hermitian=True)) if used.any() else 0
    if rank < len(away) or not rank:
        raise ConfigError(
            f"chi2: a covariance of rank {rank} for {len(difference)} bins has no inverse; take more replicas than "
            "bins, or fewer bins"
        )
    return float(away @ np.linalg.solve(matrix, away)), len(away)
