"""The likelihood of a pyhf model that is none of HistFactory's: pyhf computes its rates, differences their slopes."""

from __future__ import annotations

import warnings

import numpy as np
import pyhf

from hepflow.sample import FloatArray
from hepflow.stats.histfactory import HistFactory
from hepflow.stats.likelihood import Likelihood
from hepflow.stats.pyhf_model import PyhfLikelihood
from hepflow.stats.terms import UnknownModelError

_STEP = 1e-5


class Numerical(PyhfLikelihood):
    """Any model whose rates pyhf knows: slower by two orders of magnitude than `HistFactory`.

    Parameters and errors are those of `PyhfLikelihood`.
    """

    def _prepare(self, model: pyhf.Model) -> None:
        self._model = model

    def rates(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the expected events per bin (..., N) and their derivatives (..., N, P) at points (..., P)."""
        points = x.reshape(-1, x.shape[-1])
        rates = np.empty((len(points), self.n_bins))
        jacobian = np.empty((len(points), self.n_bins, x.shape[-1]))
        for i, point in enumerate(points):
            rates[i] = self._expected(point)
            for k in range(len(point)):
                step = np.zeros(len(point))
                step[k] = _STEP * max(abs(point[k]), 1.0)
                difference = self._expected(point + step) - self._expected(point - step)
                jacobian[i, :, k] = difference / (2 * step[k])
        shape = x.shape[:-1]
        return rates.reshape(*shape, -1), jacobian.reshape(*shape, self.n_bins, -1)

    def sample_rates(self, x: FloatArray) -> FloatArray:
        """Return the expected events of each sample in each bin, shape ``(..., S, N)``, at points (..., P)."""
        points = x.reshape(-1, x.shape[-1])
        rates = [self._model.main_model.expected_data(point, return_by_sample=True) for point in points]
        return np.reshape(rates, (*x.shape[:-1], len(self.samples), self.n_bins))

    def _expected(self, point: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self._model.expected_data(point, include_auxdata=False), dtype=np.float64)


def likelihood_of(model: pyhf.Model) -> Likelihood:
    """Return the likelihood of a pyhf model: the fast one if it is a HistFactory model, else pyhf's own rates.

    Warns
    -----
    UserWarning
        If the fast one cannot take the model.

    Raises
    ------
    ConfigError
        As for `PyhfLikelihood`.
    """
    try:
        return HistFactory(model)
    except UnknownModelError as error:
        found = Numerical(model)
        warnings.warn(
            f"pyhf computes the rates of this model, some hundred times slower than hepflow: {error}",
            stacklevel=3,
        )
        return found
